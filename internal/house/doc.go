// Package house has the rules that all code of this repository keeps, as tests. Each
// says what is wrong, where, and how to mend it. Nothing imports it.
package house
