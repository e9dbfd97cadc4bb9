package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPlansOfTheDeployment(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	example, err := filepath.Abs("../../docs/plans.json")
	require.NoError(t, err)
	plans := file("plans.json", `[{"name":"trial","messages":100},{"name":"pro"}]`)
	for _, tt := range []struct {
		name string
		args []string
		env  []string
		code int
		says string
	}{
		{
			"one of them",
			[]string{"account", "create", "--email", "a@example.com", "--plan", "trial", "--plans", plans},
			nil, exitDone, "",
		},
		{
			"the last, when none is named",
			[]string{"account", "create", "--email", "b@example.com"},
			[]string{"PINGR_PLANS=" + plans},
			exitDone, "",
		},
		{
			"the example",
			[]string{"account", "create", "--email", "d@example.com", "--plan", "shop", "--plans", example},
			nil, exitDone, "",
		},
		{
			"none of them",
			[]string{"account", "create", "--email", "c@example.com", "--plan", "growth", "--plans", plans},
			nil, exitUsage, "not one of trial, pro",
		},
		{"no file", []string{"serve", "--plans", plans + "x"}, nil, exitUsage, "no such file"},
		{
			"a slip",
			[]string{"serve", "--plans", file("slip.json", `[{"name":"pro","mesages":7}]`)},
			nil, exitUsage,
			"mesages",
		},
		{"signing up without a plan", []string{"serve"}, []string{"PINGR_SIGNUP=on"}, exitUsage, "PINGR_SIGNUP_PLAN"},
		{
			"signing up to no plan",
			[]string{"serve"},
			[]string{"PINGR_SIGNUP=on", "PINGR_SIGNUP_PLAN=trial"},
			exitUsage,
			"not one of starter",
		},
		{"neither on nor off", []string{"serve"}, []string{"PINGR_SIGNUP=yes"}, exitUsage, "must be on or off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := []string{"PINGR_DATA=" + filepath.Join(dir, "data")}
			r := call{args: tt.args, env: append(data, tt.env...), stdin: "correct horse\n"}.run(t)
			assert.Equal(t, tt.code, r.code, r.err)
			assert.Contains(t, r.err, tt.says)
		})
	}
}
