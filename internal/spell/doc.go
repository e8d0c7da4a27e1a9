// Package spell finds the name that somebody most likely meant. It owns no list of names.
package spell
