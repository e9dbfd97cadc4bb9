package login

import "strings"

// Device describes a browser by its User-Agent, such as "Firefox on Linux", so
// that the person with the phone can tell whether it is theirs.
func Device(agent string) string {
	first := func(marks ...string) string {
		for _, mark := range marks {
			mark, word, _ := strings.Cut(mark, "=")
			if strings.Contains(agent, mark) {
				return word
			}
		}
		return ""
	}
	browser := first("Edg/=Edge", "OPR/=Opera", "Firefox/=Firefox", "Chrome/=Chrome", "Safari/=Safari")
	system := first("Android=Android", "iPhone=iPhone", "iPad=iPad", "Windows=Windows", "Mac OS X=Mac", "CrOS=ChromeOS",
		"Linux=Linux")
	switch {
	case browser == "" && system == "":
		return "an unknown browser"
	case browser == "":
		return "a browser on " + system
	case system == "":
		return browser
	}
	return browser + " on " + system
}
