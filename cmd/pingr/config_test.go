package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhoWins(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pingr.env")
	require.NoError(t, os.WriteFile(file, []byte("# where\nPINGR_DATA = /from/file\n\nPINGR_LOG='info'\n"), 0o600))
	tests := []struct {
		name    string
		flags   globals
		environ []string
		data    string
	}{
		{"nobody says", globals{}, nil, defaultData},
		{"the file", globals{config: file}, nil, "/from/file"},
		{"the file, named by the environment", globals{}, []string{"PINGR_CONFIG=" + file}, "/from/file"},
		{"the environment over the file", globals{config: file}, []string{"PINGR_DATA=/from/env"}, "/from/env"},
		{"the flag over all", globals{config: file, data: "/from/flag"}, []string{"PINGR_DATA=/from/env"}, "/from/flag"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := readConfig(tt.flags, tt.environ)
			require.NoError(t, err)
			assert.Equal(t, tt.data, c.dataDir())
		})
	}
	c, err := readConfig(globals{config: file}, nil)
	require.NoError(t, err)
	assert.Equal(t, "info", c.Log, "quotes are not part of a value")
}

func TestConfigFileWithASlip(t *testing.T) {
	for name, text := range map[string]string{
		"no value":           "PINGR_DATA\n",
		"no such setting":    "PINGR_DATTA=/x\n",
		"somebody else's":    "PATH=/bin\n",
		"a file inside file": "PINGR_CONFIG=other\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pingr.env")
			require.NoError(t, os.WriteFile(file, []byte("# first\n"+text), 0o600))
			_, err := readConfig(globals{config: file}, nil)
			var wrong usageError
			require.ErrorAs(t, err, &wrong)
			assert.Contains(t, err.Error(), "line 2")
		})
	}
}

func TestEverySettingIsInTheDocs(t *testing.T) {
	docs, err := os.ReadFile("../../docs/serve.md")
	require.NoError(t, err)
	names, err := settingNames()
	require.NoError(t, err)
	for _, name := range names {
		assert.Contains(t, string(docs), "`"+name+"`")
	}
}
