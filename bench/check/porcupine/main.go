// SPDX-License-Identifier: Apache-2.0

// Porcupine on a history file of tricord (docs/check.md): registers by key with put, get, delete, cas and append.
// Says on stdout, as one JSON object, what came of it. Usage: porcupine FILE TIMEOUT_SECONDS
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/anishathalye/porcupine"
)

// line is one operation of the file.
type line struct {
	Op     string          `json:"op"`
	Key    string          `json:"key"`
	Input  json.RawMessage `json:"input"`
	Output json.RawMessage `json:"output"`
	Call   int64           `json:"call_ns"`
	Return *int64          `json:"return_ns"`
	Status string          `json:"status"`
}

// value is a register's: a string or nothing.
type value struct {
	there bool
	text  string
}

type input struct {
	op, key       string
	given, expect value
	unknown       bool
}

type output struct {
	seen value
	done bool
	said bool
}

type compareAndSwap struct {
	Expect *string `json:"expect"`
	Value  *string `json:"value"`
}

func valueOf(text *string) value {
	if text == nil {
		return value{}
	}
	return value{true, *text}
}

func decode[T any](raw json.RawMessage) T {
	var into T
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &into); err != nil {
			fail(err)
		}
	}
	return into
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// operation translates a line; false: it says nothing (it failed, or is a read that nobody knows the answer of).
func operation(one line) (porcupine.Operation, bool) {
	unknown := one.Status == "unknown" || one.Return == nil
	if one.Status == "fail" || (unknown && one.Op == "get") {
		return porcupine.Operation{}, false
	}
	in := input{op: one.Op, key: one.Key, unknown: unknown}
	var out output
	switch one.Op {
	case "put", "append":
		in.given = valueOf(decode[*string](one.Input))
	case "cas":
		both := decode[compareAndSwap](one.Input)
		in.expect, in.given = valueOf(both.Expect), valueOf(both.Value)
	}
	if !unknown {
		switch one.Op {
		case "get", "append":
			out.seen = valueOf(decode[*string](one.Output))
			out.said = out.seen.there
		case "cas":
			out.done = decode[bool](one.Output)
		}
	}
	back := int64(math.MaxInt64)
	if !unknown {
		back = *one.Return
	}
	return porcupine.Operation{Input: in, Call: one.Call, Output: out, Return: back}, true
}

func step(state, given, answer any) (bool, any) {
	now, in, out := state.(value), given.(input), answer.(output)
	switch in.op {
	case "put":
		return true, in.given
	case "delete":
		return true, value{}
	case "get":
		return now == out.seen, state
	case "cas":
		if now == in.expect {
			return in.unknown || out.done, in.given
		}
		return in.unknown || !out.done, state
	case "append":
		after := value{true, now.text + in.given.text}
		return in.unknown || !out.said || after == out.seen, after
	}
	panic("unknown operation " + in.op)
}

func byKey(history []porcupine.Operation) [][]porcupine.Operation {
	places := map[string]int{}
	var parts [][]porcupine.Operation
	for _, one := range history {
		key := one.Input.(input).key
		place, known := places[key]
		if !known {
			place = len(parts)
			places[key] = place
			parts = append(parts, nil)
		}
		parts[place] = append(parts[place], one)
	}
	return parts
}

func read(path string) []porcupine.Operation {
	file, err := os.Open(path)
	if err != nil {
		fail(err)
	}
	defer file.Close()
	var history []porcupine.Operation
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<20), 1<<28)
	for lines.Scan() {
		if one, says := operation(decode[line](lines.Bytes())); says {
			history = append(history, one)
		}
	}
	if err := lines.Err(); err != nil {
		fail(err)
	}
	return history
}

func main() {
	seconds, err := strconv.ParseFloat(os.Args[2], 64)
	if err != nil {
		fail(err)
	}
	begun := time.Now()
	history := read(os.Args[1])
	parsed := time.Now()
	model := porcupine.Model{Partition: byKey, Init: func() any { return value{} }, Step: step}
	result := porcupine.CheckOperationsTimeout(model, history, time.Duration(seconds*float64(time.Second)))
	done := time.Now()
	verdicts := map[porcupine.CheckResult]string{
		porcupine.Ok: "holds", porcupine.Illegal: "violated", porcupine.Unknown: "undecided",
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(err)
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"verdict":       verdicts[result],
		"parse_seconds": parsed.Sub(begun).Seconds(),
		"check_seconds": done.Sub(parsed).Seconds(),
		"peak_kib":      usage.Maxrss,
	})
}
