package dashboard

// AddPseudo adds a language in which every text stands in brackets, and
// returns its tag.
func AddPseudo() (tag string, remove func()) {
	l := &locale{
		tag: "x-pseudo", name: "⟦name⟧", group: ",", decimal: ".", percent: "%s", money: "%s", texts: map[string]string{},
	}
	for key, text := range english {
		l.texts[key] = "⟦" + verb.ReplaceAllString(text, "⟧$0⟦") + "⟧"
		if text == "" {
			l.texts[key] = ""
		}
	}
	before := locales
	locales = append(locales[:len(locales):len(locales)], l)
	return l.tag, func() { locales = before }
}
