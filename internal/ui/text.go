package ui

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The types of a text. An error makes a flow fail (Form.Failed), the others do not.
const (
	Info    = "info"
	Error   = "error"
	Success = "success"
)

// Text is a sentence that a person reads: the label of a field, what is wrong with it, what happened. Programs tell texts
// apart by their ID, never by their words.
type Text struct {
	// ID is the number of the text. It never changes its meaning.
	ID int `json:"id"`
	// Text is the sentence in English, context filled in.
	Text string `json:"text"`
	// Type is Info, Error or Success.
	Type string `json:"type"`
	// Context holds the values that the sentence speaks of, so that a client can phrase it by itself. It is left out of the
	// document when it is nil.
	Context map[string]any `json:"context,omitzero"`
}

// values are what a sentence speaks of, by name.
type values map[string]any

func info(id int, sentence string, v values) Text { return say(id, Info, sentence, v) }

func fail(id int, sentence string, v values) Text { return say(id, Error, sentence, v) }

func done(id int, sentence string, v values) Text { return say(id, Success, sentence, v) }

// say makes a text of a sentence in which {name} stands for a value.
func say(id int, kind, sentence string, v values) Text {
	return Text{ID: id, Text: fill(sentence, v), Type: kind, Context: v}
}

// fill puts values in the place of {name}. A name that has no value stays as it is. What a value itself contains is not
// looked at again.
func fill(sentence string, v map[string]any) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(sentence, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		value, known := v[name]
		if !closed || !known {
			b.WriteByte('{')
			sentence = rest
			continue
		}
		b.WriteString(word(value))
		sentence = after
	}
}

// word writes a value into a sentence. A document that was read back has other types than the one that was written; both
// must read the same.
func word(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case time.Time:
		return v.UTC().String()
	default:
		if list := words(value); list != nil {
			return strings.Join(list, ", ")
		}
		return fmt.Sprint(value)
	}
}

// words returns a value that is a list of words as one, or nil.
func words(value any) []string {
	switch v := value.(type) {
	case []string:
		return v
	case []any:
		list := make([]string, len(v))
		for i, one := range v {
			list[i] = word(one)
		}
		return list
	default:
		return nil
	}
}

// moment is how contexts tell a time: for people and for programs.
func moment(name string, t time.Time) values {
	return values{name: t.UTC(), name + "_unix": t.Unix()}
}
