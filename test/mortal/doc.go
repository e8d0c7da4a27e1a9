// Package mortal has programs end with the test that started them, also with one that is killed: for programs that a library starts,
// which cannot be told so.
//
// A test's directory of programs is replaced by one in which each is the test's own binary under that program's name. Started like that,
// Main asks the kernel to be killed with its parent, and becomes the program.
package mortal
