// Package bench compares cachify with what it stands on and with its peers. Every
// number the project states about speed comes from here: `make bench` prints them,
// as ratios of things measured in turn in one run.
package bench
