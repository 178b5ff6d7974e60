package main

import (
	"bytes"
	"embed"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// templates holds one folder per kind of project. Files that end in .tmpl are
// templates and lose that ending; the ending also keeps the Go tool from taking
// a template for a module of its own. NAME in a file's name is the project's.
//
//go:embed all:templates
var templates embed.FS

// project is what templates are filled with, and the result of 'ebb init'.
type project struct {
	Name    string   `json:"name"`
	Runtime string   `json:"runtime"`
	Dir     string   `json:"dir"`
	Files   []string `json:"files"`
}

// templateOf finds the template for a runtime and the identifier that ebb.yaml
// is to name. A bare family means the host's default version of it.
func templateOf(runtime string) (folder, id string, err error) {
	for _, t := range []struct{ folder, family, id string }{
		{"python", "python", "python3"},
		{"nodejs", "nodejs", "nodejs"},
		{"java", "java", "java"},
		{"go", "go", "provided"},
		{"go", "provided", "provided"},
	} {
		switch {
		case runtime == t.family:
			return t.folder, t.id, nil
		case t.family != "go" && strings.HasPrefix(runtime, t.family):
			folder, id = t.folder, runtime
		}
	}
	if folder == "" {
		return "", "", usagef("--runtime: there is no template for %q; there are python, nodejs, java and go (also python3.11, nodejs20.x, java17, provided and such)", runtime)
	}
	return folder, id, nil
}

// initVerb writes a new project.
func (a *app) initVerb() *cobra.Command {
	var runtime, dir string
	cmd := &cobra.Command{
		Use:   "init NAME",
		Short: "Write a small project: a handler, ebb.yaml and a test event",
		Long: "Init writes a project into the new folder NAME (or --into). It never overwrites a file.\n\n" +
			"Runtimes: python, nodejs, java and go (alias provided), or a runtime's full identifier,\n" +
			"such as python3.11, where a certain version is wanted.",
		Example: "  ebb init hello --runtime python\n" +
			"  ebb init hello --runtime nodejs20.x --into services/hello\n" +
			"  ebb init hello --runtime go",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, given []string) error {
			name := given[0]
			if !ebb.ValidFunctionName(name) {
				return usagef("%q is no name for a function: 1 to 64 letters, digits, - or _", name)
			}
			folder, id, err := templateOf(runtime)
			if err != nil {
				return err
			}
			p := project{Name: name, Runtime: id, Dir: dir}
			if p.Dir == "" {
				p.Dir = name
			}
			if err := p.write(folder); err != nil {
				return err
			}
			a.note("next: ebb deploy %s && ebb invoke %s --data @%s", p.Dir, name, filepath.Join(p.Dir, "event.json"))
			rows := make([][]string, len(p.Files))
			for i, f := range p.Files {
				rows[i] = []string{filepath.Join(p.Dir, f)}
			}
			return a.print(p, nil, rows)
		},
	}
	cmd.Flags().StringVarP(&runtime, "runtime", "r", "python", "`RUNTIME`: python, nodejs, java, go, or an identifier such as python3.11")
	cmd.Flags().StringVar(&dir, "into", "", "`DIR` to write to (default the function's name)")
	_ = cmd.MarkFlagDirname("into")
	_ = cmd.RegisterFlagCompletionFunc("runtime", cobra.FixedCompletions([]string{"python", "nodejs", "java", "go", "provided"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// write fills the template and writes its files. Nothing is written if one of
// them exists already.
func (p *project) write(folder string) error {
	contents := map[string][]byte{}
	top := path.Join("templates", folder)
	err := fs.WalkDir(templates, top, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := templates.ReadFile(at)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(at, top+"/")
		if plain, ok := strings.CutSuffix(name, ".tmpl"); ok {
			t, err := template.New(at).Option("missingkey=error").Parse(string(text))
			if err != nil {
				return err
			}
			var filled bytes.Buffer
			if err := t.Execute(&filled, p); err != nil {
				return err
			}
			name, text = plain, filled.Bytes()
		}
		name = strings.ReplaceAll(name, "NAME", p.Name)
		p.Files = append(p.Files, name)
		contents[name] = text
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range p.Files {
		if _, err := os.Lstat(filepath.Join(p.Dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return usagef("%s exists already; name another folder with --into", filepath.Join(p.Dir, name))
		}
	}
	for _, name := range p.Files {
		if err := createFile(filepath.Join(p.Dir, name), contents[name]); err != nil {
			return err
		}
	}
	return nil
}

// createFile writes a new file and the folders above it.
func createFile(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
