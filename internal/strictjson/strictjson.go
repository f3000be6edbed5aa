// Package strictjson reads JSON from others without room for two readings.
//
// In: the bytes of one object, whose size the caller has bounded. Out: a filled
// struct, or why not. Called by whatever reads answers and notifications of
// channels.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting of an answer. The deepest documented one has 5.
const maxDepth = 32

// Decode reads one JSON object strictly into a struct: a member that is
// there twice, also in another case, is an error (encoding/json takes the last
// one of any case, another reader the first), so are bytes that are not UTF-8
// and anything behind the object. Numbers go into int64 or text, never into a
// float: a fraction or an exponent in an integer field is an error. The caller
// has bounded the size of body.
func Decode(body []byte, into any) error {
	if err := check(body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("a member has another type than documented: %w", err)
	}
	return nil
}

func check(body []byte) error {
	if !utf8.Valid(body) {
		return errors.New("it is not UTF-8")
	}
	if t := bytes.TrimLeft(body, " \t\r\n"); len(t) == 0 || t[0] != '{' {
		return errors.New("it is not a JSON object")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := checkValue(dec, 0); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("bytes follow behind the object")
	}
	return nil
}

// checkValue walks one value; its depth is bounded before it goes deeper.
func checkValue(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if err != nil {
		return errors.New("it is not JSON, or cut off")
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == maxDepth {
		return fmt.Errorf("it is nested deeper than %d", maxDepth)
	}
	seen := map[string]bool{}
	for dec.More() {
		if open == '{' {
			key, err := dec.Token()
			if err != nil {
				return errors.New("it is not JSON, or cut off")
			}
			// Upper, then lower, brings all forms together that encoding/json
			// takes for the same letter (K, k and the Kelvin sign).
			folded := strings.ToLower(strings.ToUpper(key.(string)))
			if seen[folded] {
				return fmt.Errorf("the member %.40q is there twice", key)
			}
			seen[folded] = true
		}
		if err := checkValue(dec, depth+1); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return errors.New("it is not JSON, or cut off")
	}
	return nil
}
