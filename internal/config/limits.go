package config

import (
	"cmp"
	"reflect"
)

// limits says within what the values of a key lie, "" where its tags min and max tell nothing.
func (f field) limits() string {
	least, most := f.tag.Get("min"), f.tag.Get("max")
	switch {
	case least != "" && most != "":
		return "from " + least + " to " + most
	case least != "":
		return "at least " + least
	case most != "":
		return "at most " + most
	}
	return ""
}

// holds tells whether a value lies within them.
func (f field) holds(v reflect.Value) bool {
	return f.compare(v, "min") >= 0 && f.compare(v, "max") <= 0
}

// compare tells on which side of a limit a value lies: 0 where it is the limit, or there is none.
func (f field) compare(v reflect.Value, tag string) int {
	limit, text := reflect.New(f.typ).Elem(), f.tag.Get(tag)
	if text == "" || setScalar(f.form, &node{text: text}, limit) != "" {
		return 0
	}
	return cmp.Compare(v.Int(), limit.Int())
}
