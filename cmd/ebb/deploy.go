package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/manifest"
)

// deployOptions are the flags of deploy.
type deployOptions struct {
	only    []string
	publish bool
	dryRun  bool
	prune   bool
	yes     bool
	signKey string
}

// deployVerb makes the platform's functions what manifests say.
func (a *app) deployVerb() *cobra.Command {
	var opt deployOptions
	cmd := &cobra.Command{
		Use:   "deploy [FOLDER|FILE]...",
		Short: "Create or update the functions, workflows and triggers of an ebb.yaml",
		Long: "Deploy reads ebb.yaml (of this folder, or of those named), builds and packs each function's\n" +
			"code, and creates or updates what differs on the platform. Files named in " + ignoreFile + " (which\n" +
			"reads like .gitignore) stay out of the package. What is left out of ebb.yaml goes back to\n" +
			"its default, except url, which is then left as it is. A service that ebb.yaml describes is\n" +
			"made or changed first; workflows and then triggers come last. A trigger's paused is left as it\n" +
			"is where ebb.yaml does not say. With --prune, triggers and functions of the service that no\n" +
			"ebb.yaml names are deleted.",
		Example: "  ebb deploy\n" +
			"  ebb deploy services/hello --only hello --publish\n" +
			"  ebb deploy --dry-run -o json\n" +
			"  ebb deploy --prune --yes",
		RunE: func(cmd *cobra.Command, given []string) error {
			if opt.prune && len(opt.only) > 0 {
				return usagef("--prune: cannot be told from --only what else to delete; leave one of them out")
			}
			if len(given) == 0 {
				given = []string{"."}
			}
			return a.deploy(cmd.Context(), given, opt)
		},
	}
	cmd.Flags().StringSliceVar(&opt.only, "only", nil, "deploy only the functions and workflows of these `NAMES`, separated by commas")
	cmd.Flags().BoolVar(&opt.publish, "publish", false, "publish a version of each function afterwards")
	cmd.Flags().BoolVar(&opt.dryRun, "dry-run", false, "build, pack and compare, but change nothing")
	cmd.Flags().BoolVar(&opt.prune, "prune", false, "delete functions and triggers of the service that no ebb.yaml names; asks on a terminal, else needs --yes")
	cmd.Flags().BoolVarP(&opt.yes, "yes", "y", false, "do not ask before --prune deletes")
	cmd.Flags().StringVar(&opt.signKey, "sign-key", "", "sign packages of functions and layers with the private key in this PEM `FILE`, as ebb sign does")
	return cmd
}

// deployed is the result for one function.
type deployed struct {
	Function   string   `json:"function"` // "" of a layer, a workflow or a trigger
	Layer      string   `json:"layer,omitempty"`
	Workflow   string   `json:"workflow,omitempty"`
	Trigger    string   `json:"trigger,omitempty"`
	Role       string   `json:"role,omitempty"`
	Action     string   `json:"action"`  // created, updated, unchanged or deleted
	Changed    []string `json:"changed"` // what differed, by its key in ebb.yaml
	ARN        string   `json:"arn"`     // "" if a dry run would create it
	Version    string   `json:"version"` // published, "" if none was asked for
	CodeSHA256 string   `json:"codeSha256"`
	CodeSize   int      `json:"codeSize"` // bytes
	URL        string   `json:"url"`      // "" = none
	DryRun     bool     `json:"dryRun"`
}

// Values of deployed.Action.
const (
	actionCreated   = "created"
	actionUpdated   = "updated"
	actionUnchanged = "unchanged"
	actionDeleted   = "deleted"
)

// deploy works through the manifests one function at a time. What was done
// before an error is reported too.
func (a *app) deploy(ctx context.Context, paths []string, opt deployOptions) error {
	manifests, err := loadManifests(paths, opt.only)
	if err != nil {
		return err
	}
	var key ed25519.PrivateKey
	if opt.signKey != "" {
		if key, err = signingKey(opt.signKey); err != nil {
			return err
		}
	}
	results := []deployed{}
	show := newProgress(a.errs)
	err = func() error {
		for _, group := range byService(manifests) {
			d, err := a.deployTo(ctx, group[0].Service, opt, show)
			if err != nil {
				return err
			}
			d.key = key
			done, err := d.manifests(ctx, group)
			results = append(results, done...)
			if err == nil && opt.prune {
				done, err = a.prune(ctx, d, group)
				results = append(results, done...)
			}
			d.client.Close()
			if err != nil {
				return err
			}
		}
		return nil
	}()
	show.wait()
	if perr := a.printDeployed(results, err != nil); perr != nil && err == nil {
		err = perr
	}
	return err
}

// manifests deploys the functions of manifests of one service.
func (d *deployment) manifests(ctx context.Context, group []*manifest.Manifest) (done []deployed, err error) {
	for _, m := range group {
		roles, err := d.roles(ctx, m)
		done = append(done, roles...)
		if err != nil {
			return done, err
		}
		layers, err := d.layers(ctx, m)
		done = append(done, layers...)
		if err != nil {
			return done, err
		}
		for i := range m.Functions {
			f := &m.Functions[i]
			if len(d.opt.only) > 0 && !slices.Contains(d.opt.only, f.Name) {
				continue
			}
			r, err := d.function(ctx, m, f)
			if err != nil {
				return done, &named{f.Name, err}
			}
			done = append(done, *r)
		}
		workflows, err := d.workflows(ctx, m)
		done = append(done, workflows...)
		if err != nil {
			return done, err
		}
		triggers, err := d.triggers(ctx, m)
		done = append(done, triggers...)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// workflows deploys the state machines of a manifest.
func (d *deployment) workflows(ctx context.Context, m *manifest.Manifest) (done []deployed, err error) {
	for i := range m.Workflows {
		w := &m.Workflows[i]
		if len(d.opt.only) > 0 && !slices.Contains(d.opt.only, w.Name) {
			continue
		}
		s, err := sourceIn(m, w)
		if err != nil {
			return done, err
		}
		r, err := d.workflow(ctx, s)
		if err != nil {
			return done, &named{w.Name, err}
		}
		done = append(done, *r)
	}
	return done, nil
}

// loadManifests reads all manifests before anything is done, and checks that no
// two speak of the same function.
func loadManifests(paths, only []string) ([]*manifest.Manifest, error) {
	var all []*manifest.Manifest
	seen, named := map[string]string{}, map[string]bool{}
	for _, path := range paths {
		m, err := manifest.Load(path)
		if err != nil {
			return nil, err
		}
		for _, f := range m.Functions {
			at := fmt.Sprintf("%s:%d:%d", m.Path, f.Position.Line, f.Position.Column)
			if first, ok := seen[serviceName(m)+"/"+f.Name]; ok {
				return nil, usagef("%s: functions.%s: is in %s already", at, f.Name, first)
			}
			seen[serviceName(m)+"/"+f.Name], named[f.Name] = at, true
		}
		for _, w := range m.Workflows {
			named[w.Name] = true
		}
		all = append(all, m)
	}
	for _, name := range only {
		if !named[name] {
			return nil, usagef("--only: there is no function or workflow %q in %s", name, strings.Join(paths, ", "))
		}
	}
	return all, nil
}

// printDeployed writes the results. After a failure nothing is written where
// nothing was done, except as JSON, which is always a whole document.
func (a *app) printDeployed(results []deployed, failed bool) error {
	if failed && len(results) == 0 && a.output != outJSON {
		return nil
	}
	var rows [][]string
	for _, r := range results {
		size := bytesText(int64(r.CodeSize))
		if r.Workflow != "" || r.Trigger != "" || r.Role != "" {
			size = "-"
		}
		rows = append(rows, []string{r.what(), r.text(), size, r.Version, r.URL})
	}
	head := []string{"FUNCTION", "RESULT", "PACKAGE", "VERSION", "URL"}
	if !slices.ContainsFunc(results, func(r deployed) bool { return r.Version != "" }) {
		head = slices.Delete(head, 3, 4)
		for i := range rows {
			rows[i] = slices.Delete(rows[i], 3, 4)
		}
	}
	return a.print(results, head, rows)
}

// what names the function, the layer, the workflow or the trigger.
func (r *deployed) what() string {
	if r.Layer != "" {
		return "layer " + r.Layer
	}
	if r.Workflow != "" {
		return "workflow " + r.Workflow
	}
	if r.Role != "" {
		return "role " + r.Role
	}
	if r.Trigger != "" {
		return "trigger " + r.Trigger
	}
	return r.Function
}

// text is the action for people.
func (r *deployed) text() string {
	text := r.Action
	if r.DryRun && r.Action == actionDeleted {
		return "to be deleted"
	}
	if r.DryRun && r.Action != actionUnchanged {
		text = "to be " + text
	}
	if r.Action == actionUpdated {
		text += " (" + strings.Join(r.Changed, ", ") + ")"
	}
	return text
}

// build runs a function's build command, once for functions that share it.
func (d *deployment) build(ctx context.Context, m *manifest.Manifest, f *manifest.Function) error {
	if f.Build == "" || d.built[m.Dir+"\x00"+f.Build] {
		return nil
	}
	d.built[m.Dir+"\x00"+f.Build] = true
	d.show.line("%s: building: %s", f.Name, f.Build)
	shell := []string{"sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/C"}
	}
	cmd := exec.CommandContext(ctx, shell[0], shell[1], f.Build)
	cmd.Dir = m.Dir
	cmd.Env = append(os.Environ(), "EBB_FUNCTION="+f.Name, "EBB_ARCHITECTURE="+f.Architecture)
	cmd.WaitDelay = 5 * time.Second
	output, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		_, _ = d.show.output().Write(output)
		return usagef("build: %w, in %s: %s", err, m.Dir, f.Build)
	}
	return nil
}

// pack builds and packs a function's code.
func (d *deployment) pack(ctx context.Context, m *manifest.Manifest, f *manifest.Function) (*codePackage, error) {
	if err := d.build(ctx, m, f); err != nil {
		return nil, err
	}
	if f.Image != nil {
		uri, err := f.Image.Reference(m.Dir)
		return &codePackage{image: uri}, err
	}
	code := f.Code
	if !filepath.IsAbs(code) {
		code = filepath.Join(m.Dir, code)
	}
	var s *step
	p, err := packCode(code,
		func(total int64) { s = d.show.step(f.Name+": packing", total) },
		func(n int64) { s.add(n) })
	if s != nil {
		s.end()
	}
	if err == nil {
		err = p.sign(d.key)
	}
	if err == nil {
		d.show.line("%s: packed %s%s", f.Name, filesText(p.files), bytesText(int64(len(p.zip))))
	}
	return p, err
}

func filesText(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 file, "
	}
	return fmt.Sprintf("%d files, ", n)
}
