package dashboard

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// A locale is a language in which the dashboard is written, and how people who
// read it write numbers.
type locale struct {
	tag  string // BCP 47, and a file of its own has its texts: strings_TAG.go
	name string // what its speakers call it
	rtl  bool   // written from right to left

	group, decimal string // of "1,234.5"
	percent, money string // with %s for the number; money is in dollars
	long           bool   // numbers of four digits are not grouped
	pairs          bool   // above a thousand, digits are grouped by two

	texts map[string]string
}

// locales are the languages. The first answers for what another one lacks, and
// whoever reads none of them.
var locales = []*locale{
	{tag: "en", name: "English", group: ",", decimal: ".", percent: "%s %%", money: "$%s", texts: english},
	{
		tag: "pt-BR", name: "Português (Brasil)", group: ".", decimal: ",", percent: "%s%%", money: "US$\u00a0%s",
		texts: portuguese,
	},
	{
		tag: "es", name: "Español", group: ".", decimal: ",", percent: "%s\u00a0%%", money: "%s\u00a0US$", long: true,
		texts: spanish,
	},
	{
		tag: "id", name: "Bahasa Indonesia", group: ".", decimal: ",", percent: "%s%%", money: "US$\u00a0%s",
		texts: indonesian,
	},
	{tag: "hi", name: "हिन्दी", group: ",", decimal: ".", percent: "%s%%", money: "$%s", pairs: true, texts: hindi},
	{
		tag: "ar", name: "العربية", rtl: true, group: ",", decimal: ".", percent: "%s%%", money: "US$\u00a0%s",
		texts: arabic,
	},
	{
		tag: "fr", name: "Français", group: "\u202f", decimal: ",", percent: "%s\u00a0%%", money: "%s\u00a0$US",
		texts: french,
	},
}

// languageCookie holds the tag of the language that a reader chose.
const languageCookie = "pingr_language"

// matcher finds the nearest of locales to what a browser prefers.
var matcher = language.NewMatcher(localeTags())

func localeTags() []language.Tag {
	tags := make([]language.Tag, len(locales))
	for i, l := range locales {
		tags[i] = language.MustParse(l.tag)
	}
	return tags
}

// localeByTag returns nil for a language in which nothing is written.
func localeByTag(tag string) *locale {
	for _, l := range locales {
		if l.tag == tag {
			return l
		}
	}
	return nil
}

// localeOf returns the language for a request: the one that was chosen, else
// the one that the browser prefers.
func localeOf(r *http.Request) *locale {
	if c, err := r.Cookie(languageCookie); err == nil {
		if l := localeByTag(c.Value); l != nil {
			return l
		}
	}
	wanted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		return locales[0]
	}
	_, i, sure := matcher.Match(wanted...)
	if sure == language.No {
		return locales[0]
	}
	return locales[i]
}

// dir is the direction of writing, for <html dir>.
func (l *locale) dir() string {
	if l.rtl {
		return "rtl"
	}
	return "ltr"
}

// intl is what the scripts give to Intl. Digits are those of the texts.
func (l *locale) intl() string { return l.tag + "-u-nu-latn" }

// T returns a string of the interface, with its arguments.
func (l *locale) T(key string, args ...any) string {
	text, ok := l.texts[key]
	if !ok {
		text, ok = english[key]
	}
	if !ok {
		return key
	}
	if len(args) == 0 {
		return text
	}
	if l.rtl {
		args = isolated(args)
	}
	return fmt.Sprintf(text, args...)
}

// N returns a string that counts something. A language has one string for each
// form of its plural: KEY.one, KEY.few and so on, and KEY for all other numbers.
func (l *locale) N(key string, n float64, args ...any) string {
	if form := pluralForm(l.tag, n); form != "" {
		if _, ok := l.texts[key+"."+form]; ok {
			key += "." + form
		}
	}
	return l.T(key, args...)
}

// pluralForm returns CLDR's name of the form that n takes, or "" for "other".
func pluralForm(tag string, n float64) string {
	whole, rest, _ := strings.Cut(strconv.FormatFloat(n, 'f', -1, 64), ".")
	i, _ := strconv.Atoi(whole)
	f, _ := strconv.Atoi("0" + rest)
	form := plural.Cardinal.MatchPlural(language.MustParse(tag), i, len(rest), len(rest), f, f)
	return map[plural.Form]string{
		plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many",
	}[form]
}

// isolated keeps names, numbers and addresses in one piece where the text around
// them runs the other way.
func isolated(args []any) []any {
	const first, end = "\u2068", "\u2069" // first-strong isolate, pop directional isolate
	out := make([]any, len(args))
	for i, a := range args {
		if text, ok := a.(string); ok {
			a = first + text + end
		}
		out[i] = a
	}
	return out
}

// chooseLanguage is POST /language. It leads back to where the reader was.
func (d *Dashboard) chooseLanguage(w http.ResponseWriter, r *http.Request) {
	if l := localeByTag(r.PostFormValue("language")); l != nil {
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // says no secret
			Name: languageCookie, Value: l.tag, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true,
			SameSite: http.SameSiteLaxMode,
		})
	}
	next := safeNext(r.PostFormValue("next"))
	http.Redirect(w, r, next, http.StatusSeeOther) //nolint:gosec // safeNext stays on this site
}
