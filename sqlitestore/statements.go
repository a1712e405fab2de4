package sqlitestore

import (
	"embed"
	"strings"
	"sync"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// schema is what makes a new file.
func schema() (string, error) {
	text, err := sqlFiles.ReadFile("sql/schema.sql")
	return string(text), err
}

// statements are the texts of all statements, by their names in the files.
var statements = sync.OnceValue(func() map[string]string {
	texts := make(map[string]string)
	for _, file := range []string{"clock", "leases", "queue", "records"} {
		text, err := sqlFiles.ReadFile("sql/" + file + ".sql")
		if err != nil {
			panic(err) // the files are part of the program
		}
		parts := strings.Split("\n"+string(text), "\n-- name: ")
		for _, part := range parts[1:] {
			name, body, _ := strings.Cut(part, "\n")
			texts[name] = strings.TrimSpace(body)
		}
	}
	return texts
})
