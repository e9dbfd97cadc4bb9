package server

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the answers of testdata/*.http")

// Each file of testdata/*.http is a conversation in a world of its own:
//
//	### what this shows
//	POST /v1/triggers as anna's live key
//	Header: value
//	{"the":"body"}
//	→ 201 Header: value
//	{"the":"answer"}
//
// "wait 61s" before the request lets time pass. Ids that the server makes are
// trg_1, trg_2 and so on, in the order in which they appear.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.http")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".http"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			w := newWorld(t)
			names := &names{ids: map[string]string{}, count: map[string]int{}, hook: w.hook.URL}
			var out []string
			for i, section := range strings.Split("\n"+string(text), "\n### ") {
				if i == 0 {
					out = append(out, strings.TrimPrefix(section, "\n"))
					continue
				}
				title, _, _ := strings.Cut(section, "\n")
				t.Run(title, func(t *testing.T) {
					asked, _, _ := strings.Cut(section, "\n→")
					want := strings.TrimRight(section, "\n")
					got := strings.TrimRight(asked, "\n") + "\n" + w.exchange(names, asked)
					out = append(out, got+"\n")
					if !*update {
						assert.Equal(t, want, got)
					}
				})
			}
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(strings.TrimPrefix(strings.Join(out, "\n### "), "\n")), 0o600))
			}
		})
	}
}

// exchange makes the request of a section and returns the answer in the same notation.
func (w *world) exchange(names *names, asked string) string {
	lines := strings.Split(strings.TrimRight(asked, "\n"), "\n")[1:]
	for len(lines) > 0 {
		command, arg, _ := strings.Cut(lines[0], " ")
		switch command {
		case "wait":
			d, err := time.ParseDuration(arg)
			require.NoError(w, err)
			w.wait(d)
		case "endpoint":
			var status int
			var reply string
			_, err := fmt.Sscanf(arg, "%d %q", &status, &reply)
			require.NoError(w, err)
			w.hook.answer(status, reply)
		default:
			return w.ask(names, lines)
		}
		lines = lines[1:]
	}
	w.Fatal("a section without a request")
	return ""
}

func (w *world) ask(names *names, lines []string) string {
	line, who, _ := strings.Cut(lines[0], " as ")
	method, path, _ := strings.Cut(line, " ")
	var header []string
	body := ""
	for i, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ": ")
		if !ok || !regexp.MustCompile(`^[A-Za-z-]+$`).MatchString(name) {
			body = strings.Join(lines[1+i:], "\n")
			break
		}
		header = append(header, name, value)
	}
	got := w.call(who, method, names.real(path), names.real(body), header...)
	require.NotEmpty(w, got.Header().Get("X-Request-Id"))
	answer := fmt.Sprintf("→ %d", got.Code)
	for _, name := range []string{"Retry-After", "Allow"} {
		if value := got.Header().Get(name); value != "" {
			answer += " " + name + ": " + value
		}
	}
	if kind := got.Header().Get("Content-Type"); got.Body.Len() > 0 && kind != "application/json" {
		return answer + " " + kind
	}
	if text := strings.TrimRight(got.Body.String(), "\n"); text != "" {
		answer += "\n" + names.shown(text)
	}
	return answer
}

// names replace values that differ in each run.
type names struct {
	ids   map[string]string // by shown name
	count map[string]int
	hook  string
}

var (
	madeID = regexp.MustCompile(`\b([a-z]+_|3EB0)[0-9a-f]{32}\b`)
	secret = regexp.MustCompile(`whsec_[A-Za-z0-9+/]{43}=|pk_(live|test)_[0-9A-Za-z]{30}|…[^"]{4}"|"token":"[^"]+"`)
)

func (n *names) shown(text string) string {
	text = strings.ReplaceAll(text, n.hook, "http://hook")
	text = secret.ReplaceAllStringFunc(text, func(s string) string {
		switch {
		case strings.HasPrefix(s, "whsec_"):
			return "whsec_SECRET"
		case strings.HasPrefix(s, "pk_"):
			return s[:8] + "SECRET"
		case strings.HasPrefix(s, "…"):
			return `…LAST"`
		}
		return `"token":"TOKEN"`
	})
	return madeID.ReplaceAllStringFunc(text, func(id string) string {
		for name, known := range n.ids {
			if known == id {
				return name
			}
		}
		prefix := madeID.FindStringSubmatch(id)[1]
		if prefix == "req_" {
			return "req_ID"
		}
		n.count[prefix]++
		name := fmt.Sprint(strings.TrimSuffix(prefix, "_"), "_", n.count[prefix])
		n.ids[name] = id
		return name
	})
}

var shownName = regexp.MustCompile(`\b[a-z0-9A-Z]+_[0-9]+\b`)

func (n *names) real(text string) string {
	text = strings.ReplaceAll(text, "http://hook", n.hook)
	return shownName.ReplaceAllStringFunc(text, func(name string) string {
		if id, ok := n.ids[name]; ok {
			return id
		}
		return name
	})
}
