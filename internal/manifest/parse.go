package manifest

import (
	"cmp"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Ranges of the Lambda API. A platform may allow less and says so itself.
const (
	minMemoryMB, maxMemoryMB = 128, 32768
	minTmpMB, maxTmpMB       = 512, 10240
	maxTimeoutS              = 24 * 60 * 60
	maxCORSAge               = 86400
	maxTags                  = 50
)

var (
	envNameRE = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)
	roleRE    = regexp.MustCompile(`^(arn:aws[a-zA-Z-]*:iam::\d{12}:role/)?[a-zA-Z_0-9+=,.@/-]+$`)
)

// Parse reads the text of a manifest. file is what errors call it.
func Parse(file string, text []byte) (*Manifest, error) {
	r := &reader{file: file, anchors: map[string]ast.Node{}}
	m := &Manifest{Path: file, Dir: "."}
	if root := r.document(text, "a manifest"); root != nil {
		r.manifest(m, root)
	}
	if err := r.verdict(); err != nil {
		return nil, err
	}
	return m, nil
}

// verdict is what is wrong with the file, as an error.
func (r *reader) verdict() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &ebb.Error{Kind: ebb.Invalid, Type: ebb.TypeManifestInvalid, Message: r.problems.Error(), Cause: r.problems}
}

// document returns the root of the one YAML document of a file of some kind.
func (r *reader) document(text []byte, kind string) ast.Node {
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		p := Problem{File: r.file, Position: Position{Line: 1, Column: 1}, Message: err.Error()}
		if e, ok := errors.AsType[yaml.Error](err); ok {
			p.Message = e.GetMessage()
			if t := e.GetToken(); t != nil && t.Position != nil {
				p.Position = Position{Line: t.Position.Line, Column: t.Position.Column}
			}
		}
		r.problems = append(r.problems, p)
		return nil
	}
	var root ast.Node
	for _, d := range tree.Docs {
		switch {
		case d.Body == nil || d.Body.Type() == ast.CommentType:
		case root != nil:
			r.fail(d.Body, "", "only one YAML document may stand in %s", kind)
		default:
			root = d.Body
		}
	}
	if root == nil {
		r.fail(nil, "", "is empty: %s must have something in it", kind)
	}
	return root
}

// manifest reads the top of the file. Defaults are read before functions,
// wherever they stand.
func (r *reader) manifest(m *Manifest, root ast.Node) {
	var defaults, functions, layers, workflows ast.Node
	version := 1
	keep := func(dst *ast.Node) setter { return func(_ string, n ast.Node) { *dst = n } }
	r.fields("", root, map[string]setter{
		"version":   r.whole(&version, 1, 1),
		"service":   r.service(&m.Service),
		"roles":     r.roles(&m.Roles),
		"defaults":  keep(&defaults),
		"functions": keep(&functions),
		"layers":    keep(&layers),
		"triggers":  r.triggers(&m.Triggers, ""),
		"workflows": keep(&workflows),
	})
	preset := draft{Function: Function{
		Code: DefaultCode, Role: DefaultRole, LogFormat: LogText,
		MemoryMB: DefaultMemoryMB, TimeoutS: DefaultTimeoutS, TmpMB: DefaultTmpMB,
	}}
	if defaults != nil {
		r.fields("defaults", defaults, r.function(&preset))
	}
	if layers != nil {
		r.layers(m, layers)
	}
	if workflows != nil {
		r.workflows(m, workflows)
	}
	defer r.triggerNames(m)
	if functions == nil {
		if len(r.problems) == 0 && workflows == nil {
			r.fail(root, "functions", "is missing: name at least one function")
		}
		return
	}
	entries := r.mapping("functions", functions)
	if len(entries) == 0 && len(r.problems) == 0 {
		r.fail(functions, "functions", "is empty: name at least one function")
	}
	for _, e := range entries {
		m.Functions = append(m.Functions, r.oneFunction(preset, e))
	}
}

// oneFunction reads the function named by e over the defaults.
func (r *reader) oneFunction(preset draft, e entry) Function {
	f := preset
	f.Name, f.Position = e.name, position(e.key)
	f.Env, f.Tags, f.secrets = maps.Clone(preset.Env), maps.Clone(preset.Tags), maps.Clone(preset.secrets)
	key := "functions." + e.name
	if !ebb.ValidFunctionName(e.name) {
		r.fail(e.key, key, "a function's name is 1 to 64 letters, digits, - or _")
		return f.Function
	}
	before := len(r.problems)
	if v := r.plain(e.value); v != nil && v.Type() != ast.NullType {
		r.fields(key, e.value, r.function(&f))
	}
	if len(r.problems) > before {
		return f.Function
	}
	r.imageOrRuntime(&f.Function, key, e)
	r.settings(&f, key, e)
	r.secretNames(&f, key, e)
	if len(f.Tags) > maxTags {
		r.fail(e.key, key+".tags", "more than %d tags", maxTags)
	}
	return f.Function
}

// function is the table of a function's keys.
func (r *reader) function(f *draft) map[string]setter {
	return map[string]setter{
		"description":  r.text(&f.Description, 256),
		"runtime":      r.text(&f.Runtime, 64),
		"handler":      r.text(&f.Handler, 128),
		"code":         r.notEmpty(&f.Code),
		"image":        r.image(&f.Image),
		"build":        r.text(&f.Build, 4096),
		"role":         r.role(&f.Role),
		"memory":       r.megabytes(&f.MemoryMB, minMemoryMB, maxMemoryMB),
		"timeout":      r.seconds(&f.TimeoutS, 1, maxTimeoutS),
		"tmp":          r.megabytes(&f.TmpMB, minTmpMB, maxTmpMB),
		"architecture": r.oneOf(&f.Architecture, "x86_64", "arm64"),
		"logFormat":    r.oneOf(&f.LogFormat, LogText, LogJSON),
		"env":          r.table(&f.Env, envName),
		"secrets":      r.table(&f.secrets, envName),
		"tags":         r.table(&f.Tags, tagName),
		"url":          r.url(&f.URL),
		"layers":       r.layerRefs(&f.Layers),
		"triggers":     r.functionTriggers(&f.Function),
		"aliases":      r.aliases(&f.Aliases),
		"web":          r.web(&f.web),

		"egress":           r.rules(&f.reach.egress),
		"invocationEgress": r.rules(&f.reach.invocationEgress),
		"mounts":           r.folders(&f.reach.mounts),
		"cpuQuota":         r.cores(&f.reach.cpuQuota),

		"instanceConcurrency": r.whole(&f.concurrency, 1, ebb.MaxConcurrency),
	}
}

// notEmpty reads a path.
func (r *reader) notEmpty(dst *string) setter {
	return func(key string, n ast.Node) {
		before := len(r.problems)
		r.text(dst, 4096)(key, n)
		if len(r.problems) == before && strings.TrimSpace(*dst) == "" {
			r.fail(n, key, "must not be empty; write . for this folder")
		}
	}
}

// role reads a role's name or ARN.
func (r *reader) role(dst *string) setter {
	return func(key string, n ast.Node) {
		var s string
		before := len(r.problems)
		r.text(&s, 256)(key, n)
		if len(r.problems) > before {
			return
		}
		if !roleRE.MatchString(s) {
			r.fail(n, key, "must be the name of a role or arn:aws:iam::SERVICE:role/NAME")
			return
		}
		*dst = s
	}
}

func envName(name string) string {
	if !envNameRE.MatchString(name) {
		return "a variable's name is a letter, then letters, digits or _, two or more in all"
	}
	return ""
}

func tagName(name string) string {
	if name == "" || len(name) > 128 || strings.HasPrefix(name, "aws:") {
		return "a tag's name is 1 to 128 bytes and does not begin with aws:"
	}
	return ""
}

// url reads true, false, NONE, AWS_IAM or a mapping.
func (r *reader) url(dst **URL) setter {
	return func(key string, n ast.Node) {
		u := &URL{Enabled: true, Auth: ebb.URLAuthNone, Mode: ebb.InvokeModeBuffered}
		switch v := r.plain(n).(type) {
		case *ast.BoolNode:
			u.Enabled = v.Value
		case *ast.StringNode:
			u.Auth = v.Value
			if u.Auth != ebb.URLAuthNone && u.Auth != ebb.URLAuthIAM {
				r.fail(n, key, "must be true, false, NONE, AWS_IAM, or a mapping with auth, mode, cors")
			}
		default:
			r.fields(key, n, map[string]setter{
				"auth": r.oneOf(&u.Auth, ebb.URLAuthNone, ebb.URLAuthIAM),
				"mode": r.oneOf(&u.Mode, ebb.InvokeModeBuffered, ebb.InvokeModeStream),
				"cors": r.cors(&u.CORS),
			})
		}
		*dst = u
	}
}

// cors reads the CORS section of a URL.
func (r *reader) cors(dst **ebb.CORS) setter {
	return func(key string, n ast.Node) {
		c := &ebb.CORS{}
		r.fields(key, n, map[string]setter{
			"allowCredentials": r.yesNo(&c.AllowCredentials),
			"allowHeaders":     r.texts(&c.AllowHeaders),
			"allowMethods":     r.texts(&c.AllowMethods),
			"allowOrigins":     r.texts(&c.AllowOrigins),
			"exposeHeaders":    r.texts(&c.ExposeHeaders),
			"maxAge":           r.seconds(&c.MaxAge, 0, maxCORSAge),
		})
		*dst = c
	}
}
