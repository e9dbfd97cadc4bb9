package api

import (
	"embed"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

//go:embed *.go
var source embed.FS

// Words returns the comment above each field, by "Type.Field".
func Words() (map[string]string, error) {
	files, err := source.ReadDir(".")
	if err != nil {
		return nil, err
	}
	words := map[string]string{}
	for _, file := range files {
		text, err := source.ReadFile(file.Name())
		if err != nil {
			return nil, err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file.Name(), text, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			declared, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			shape, ok := declared.Type.(*ast.StructType)
			for i := 0; ok && i < len(shape.Fields.List); i++ {
				field := shape.Fields.List[i]
				for _, name := range field.Names {
					words[declared.Name.Name+"."+name.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
				}
			}
			return false
		})
	}
	return words, nil
}
