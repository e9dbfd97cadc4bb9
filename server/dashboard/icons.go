package dashboard

import (
	"embed"

	"github.com/a-h/templ"
)

//go:embed icons/*.svg
var iconFiles embed.FS

// icon is a picture of icons/ in line, in the colour of the text around it. It
// says nothing to a screen reader: what it means stands beside it.
func icon(name string) templ.Component {
	svg, err := iconFiles.ReadFile("icons/" + name + ".svg")
	if err != nil {
		return templ.Raw("")
	}
	return templ.Raw(string(svg))
}
