package dashboard

import (
	"embed"

	"github.com/a-h/templ"
)

//go:embed icons/*.svg
var iconFiles embed.FS

// icons are the pictures of icons/ by name.
var icons = readIcons()

func readIcons() map[string]templ.Component {
	all := map[string]templ.Component{}
	files, _ := iconFiles.ReadDir("icons") // embedded
	for _, f := range files {
		svg, _ := iconFiles.ReadFile("icons/" + f.Name())
		all[f.Name()[:len(f.Name())-len(".svg")]] = templ.Raw(string(svg))
	}
	return all
}

// icon returns an inline picture in the colour of the text around it. Screen
// readers skip it, because its meaning stands beside it.
func icon(name string) templ.Component {
	if svg, ok := icons[name]; ok {
		return svg
	}
	return templ.NopComponent
}
