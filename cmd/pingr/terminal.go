package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// A style is how to write to a stream: with colours and redrawing on a
// terminal, plainly elsewhere.
type style struct {
	terminal bool
	colours  bool
	// width and height are 0 if not known.
	width, height int
}

// styleOf inspects a stream. It honours NO_COLOR and TERM=dumb.
func styleOf(w io.Writer) style {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return style{}
	}
	s := style{terminal: true, colours: os.Getenv("NO_COLOR") == ""}
	if width, height, err := term.GetSize(int(f.Fd())); err == nil {
		s.width, s.height = width, height
	}
	return s
}

func (s style) paint(code, text string) string {
	if !s.colours {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) green(text string) string  { return s.paint("32", text) }
func (s style) red(text string) string    { return s.paint("31", text) }
func (s style) yellow(text string) string { return s.paint("33", text) }
func (s style) bold(text string) string   { return s.paint("1", text) }
func (s style) faint(text string) string  { return s.paint("2", text) }

// writeJSON writes v as one line.
func (a *app) writeJSON(v any) error {
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// sure asks a person at a terminal. Elsewhere nobody can answer, and it is an
// error: scripts give --yes.
func (a *app) sure(question string) (bool, error) {
	f, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return false, usageError{"this asks first, and stdin is no terminal: give --yes"}
	}
	fmt.Fprint(a.err, question+" [y/N] ")
	line, err := bufio.NewReader(io.LimitReader(a.in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if answer := strings.ToLower(strings.TrimSpace(line)); answer == "y" || answer == "yes" {
		return true, nil
	}
	fmt.Fprintln(a.err, "Nothing was done.")
	return false, errSaid
}
