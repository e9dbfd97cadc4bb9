package storetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

var triggerTests = []test{
	{"none", func(t *testing.T, s Store) {
		finds(t, s, "login", "")
		triggers, err := s.Triggers(t.Context(), session)
		require.NoError(t, err)
		assert.Empty(t, triggers)
	}},
	{"a trigger comes back whole", func(t *testing.T, s Store) {
		save(t, s, full(t, login))
		got, ok, err := s.FindTrigger(t.Context(), session, pingr.Phrases("login X4K9MQ"))
		require.NoError(t, err)
		assert.True(t, ok)
		assert.Equal(t, login, got)
		all, err := s.Triggers(t.Context(), session)
		require.NoError(t, err)
		assert.Equal(t, []pingr.Trigger{login}, all)
	}},
	{"a text is matched whole or up to a space", func(t *testing.T, s Store) {
		save(t, s, login)
		finds(t, s, "login", "trg_login")
		finds(t, s, "LOGIN  x4k9mq", "trg_login")
		finds(t, s, "loginx", "")
		finds(t, s, "log", "")
		finds(t, s, "hey login", "")
		finds(t, s, "", "")
	}},
	{"the longest phrase wins", func(t *testing.T, s Store) {
		for _, phrase := range []string{"login", "login now", "login now please", "logic", "login nowhere"} {
			save(t, s, trigger(phrase))
		}
		finds(t, s, "login now pleased", "trg_login now")
		finds(t, s, "*login now please!*", "trg_login now please")
		finds(t, s, "login now please", "trg_login now please")
		finds(t, s, "login now please hurry up", "trg_login now please")
		finds(t, s, "login nowhere now", "trg_login nowhere")
		finds(t, s, "login zebra", "trg_login")
		finds(t, s, "login a", "trg_login")
	}},
	{"neighbours in the alphabet do not hide a phrase", func(t *testing.T, s Store) {
		save(t, s, trigger("a"))
		for _, phrase := range []string{"a a", "a b", "a b b", "a b c c", "a!", "a z", "aa", "a b d"} {
			save(t, s, trigger(phrase))
		}
		finds(t, s, "a b c d e f g", "trg_a b")
		finds(t, s, "a zz", "trg_a")
		finds(t, s, "a z z", "trg_a z")
		finds(t, s, "a b b b b", "trg_a b b")
	}},
	{"phrases in the order given, related or not", func(t *testing.T, s Store) {
		for _, phrase := range []string{"b", "c", "c d"} {
			save(t, s, trigger(phrase))
		}
		for _, tt := range []struct {
			phrases []string
			want    string
		}{
			{[]string{"z", "a", "c", "b"}, "trg_c"},
			{[]string{"c d e", "b", "c d"}, "trg_b"},
			{[]string{"a"}, ""},
			{nil, ""},
		} {
			got, ok, err := s.FindTrigger(t.Context(), session, tt.phrases)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got.ID, tt.phrases)
			assert.Equal(t, tt.want != "", ok)
		}
	}},
	{"any phrases, any text: as if all were tried", func(t *testing.T, s Store) {
		// A fixed seed: the same words every time.
		random := rand.New(rand.NewPCG(1, 2))
		text := func(words int) string {
			parts := make([]string, 1+random.IntN(words))
			for i := range parts {
				parts[i] = []string{"a", "b", "ab", "a!", "é"}[random.IntN(5)]
			}
			return strings.Join(parts, " ")
		}
		phrases := map[string]bool{}
		for range 60 {
			if phrase := text(4); !phrases[phrase] {
				phrases[phrase] = true
				save(t, s, trigger(phrase))
			}
		}
		for range 300 {
			candidates, want := pingr.Phrases(text(7)), ""
			for _, phrase := range candidates {
				if phrases[phrase] {
					want = "trg_" + phrase
					break
				}
			}
			got, _, err := s.FindTrigger(t.Context(), session, candidates)
			require.NoError(t, err)
			assert.Equal(t, want, got.ID, candidates)
		}
	}},
	{"an inactive one does not fire, and hides none", func(t *testing.T, s Store) {
		save(t, s, login)
		long := trigger("login now")
		long.Active = false
		save(t, s, long)
		finds(t, s, "login now", "trg_login")
		all, err := s.Triggers(t.Context(), session)
		require.NoError(t, err)
		assert.Len(t, all, 2, "it is listed")
		long.Active = true
		save(t, s, long)
		finds(t, s, "login now", "trg_login now")
	}},
	{"sessions have their own", func(t *testing.T, s Store) {
		save(t, s, login)
		theirs := login
		theirs.ID, theirs.Session = "trg_theirs", "second"
		save(t, s, theirs)
		finds(t, s, "login", "trg_login")
		got, ok, err := s.FindTrigger(t.Context(), "second", pingr.Phrases("login"))
		require.NoError(t, err)
		assert.True(t, ok)
		assert.Equal(t, "trg_theirs", got.ID)
		_, ok, err = s.FindTrigger(t.Context(), "third", pingr.Phrases("login"))
		require.NoError(t, err)
		assert.False(t, ok)
	}},
	{"the same phrase twice is a conflict", func(t *testing.T, s Store) {
		save(t, s, login)
		twin := login
		twin.ID, twin.Reply = "trg_twin", "mine now"
		require.ErrorIs(t, s.SaveTrigger(t.Context(), twin), pingr.ErrConflict)
		finds(t, s, "login", "trg_login")
	}},
	{"the same but for case, space and form is a conflict", func(t *testing.T, s Store) {
		save(t, s, trigger("log in"))
		for i, phrase := range []string{"LOG  in", " log in ", "ｌｏｇ in", "log\u200b in"} {
			twin := trigger(phrase)
			twin.ID = fmt.Sprint("trg_", i)
			assert.ErrorIs(t, s.SaveTrigger(t.Context(), twin), pingr.ErrConflict, phrase)
		}
	}},
	{"an inactive phrase is taken too", func(t *testing.T, s Store) {
		off := login
		off.Active = false
		save(t, s, off)
		twin := login
		twin.ID = "trg_twin"
		require.ErrorIs(t, s.SaveTrigger(t.Context(), twin), pingr.ErrConflict)
	}},
	{"changing a phrase frees the old one", func(t *testing.T, s Store) {
		save(t, s, login)
		changed := login
		changed.Phrase, changed.Reply = "sign in", "new"
		save(t, s, changed)
		finds(t, s, "login", "")
		finds(t, s, "sign in", "trg_login")
		save(t, s, trigger("login now"))
		twin := login
		twin.ID = "trg_twin"
		save(t, s, twin)
	}},
	{"changing a phrase into another's is a conflict and changes nothing", func(t *testing.T, s Store) {
		save(t, s, login)
		save(t, s, trigger("help"))
		changed := login
		changed.Phrase = "help"
		require.ErrorIs(t, s.SaveTrigger(t.Context(), changed), pingr.ErrConflict)
		finds(t, s, "login", "trg_login")
		finds(t, s, "help", "trg_help")
	}},
	{"a deleted one does not fire, and frees its phrase", func(t *testing.T, s Store) {
		save(t, s, login)
		require.NoError(t, s.DeleteTrigger(t.Context(), login.ID))
		finds(t, s, "login", "")
		twin := login
		twin.ID = "trg_twin"
		save(t, s, twin)
		require.NoError(t, s.DeleteTrigger(t.Context(), "trg_nobody"), "deleting what is not there")
	}},
	{"listed oldest first", func(t *testing.T, s Store) {
		for i, phrase := range []string{"b", "a", "c"} {
			tr := trigger(phrase)
			tr.CreatedAt = after(i)
			save(t, s, tr)
		}
		all, err := s.Triggers(t.Context(), session)
		require.NoError(t, err)
		require.Len(t, all, 3)
		assert.Equal(t, []string{"b", "a", "c"}, []string{all[0].Phrase, all[1].Phrase, all[2].Phrase})
	}},
	{"among a thousand", func(t *testing.T, s Store) {
		for i := range 1000 {
			save(t, s, trigger(fmt.Sprintf("login %04d", i)))
		}
		finds(t, s, "login 0500 X4K9MQ", "trg_login 0500")
		finds(t, s, "login", "")
		finds(t, s, "login 05000", "")
	}},
	{"in a very long text", func(t *testing.T, s Store) {
		save(t, s, login)
		finds(t, s, "login "+strings.Repeat("a ", 200_000), "trg_login")
		finds(t, s, strings.Repeat("a ", 200_000), "")
	}},
}

func trigger(phrase string) pingr.Trigger {
	tr := login
	tr.ID, tr.Phrase = "trg_"+phrase, phrase
	return tr
}

func save(t *testing.T, s Store, tr pingr.Trigger) {
	t.Helper()
	require.NoError(t, s.SaveTrigger(t.Context(), tr))
}

// finds asserts which trigger a text fires; an empty name means no trigger.
func finds(t *testing.T, s Store, text, want string) {
	t.Helper()
	got, ok, err := s.FindTrigger(t.Context(), session, pingr.Phrases(text))
	require.NoError(t, err)
	assert.Equal(t, want, got.ID)
	assert.Equal(t, want != "", ok)
}
