// Package report tells people what a run did and what the rules found: a table of all,
// and for each violation the part of the history around it, as text and as a picture.
package report
