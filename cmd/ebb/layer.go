package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/manifest"
)

// layered is one layer version in the results of 'ebb layer'.
type layered struct {
	Layer       string   `json:"layer"`
	Version     int64    `json:"version"`
	Description string   `json:"description"`
	Runtimes    []string `json:"runtimes"`
	Created     string   `json:"created"`
	ARN         string   `json:"arn"`
	Removed     bool     `json:"removed,omitempty"`
}

// layerVerb manages files that functions share.
func (a *app) layerVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "layer",
		Short: "Publish, list and remove layers: files that functions share",
		Long: "A layer is files that functions find in /opt: libraries in python/, nodejs/node_modules/,\n" +
			"java/lib/ and lib/, programs in bin/. Its versions never change. Functions name theirs in\n" +
			"ebb.yaml or with: aws lambda update-function-configuration --layers ARN...",
		Example: "  ebb layer publish shared ./layer\n  ebb layer ls",
		Args:    args(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.layerPublishVerb(), a.layerListVerb(), a.layerRemoveVerb())
	return cmd
}

func (a *app) layerPublishVerb() *cobra.Command {
	var l manifest.Layer
	var signKey string
	cmd := &cobra.Command{
		Use:     "publish NAME FOLDER|ZIP",
		Short:   "Make a new version of a layer from a folder or zip file",
		Example: "  ebb layer publish shared ./layer\n  ebb layer publish numpy numpy.zip --runtime python3.12 --license BSD-3-Clause",
		Args:    args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			l.Name, l.Code = given[0], given[1]
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			show := newProgress(a.errs)
			p, err := packCode(l.Code, func(int64) {}, func(int64) {})
			if err == nil && signKey != "" {
				var key ed25519.PrivateKey
				if key, err = signingKey(signKey); err == nil {
					err = p.sign(key)
				}
			}
			if err != nil {
				return err
			}
			out, err := publishLayer(cmd.Context(), c.Lambda(), show, &l, p)
			show.wait()
			if err != nil {
				return err
			}
			arn := aws.ToString(out.LayerVersionArn)
			return a.print(layered{Layer: l.Name, Version: out.Version, Description: l.Description, Runtimes: texts(out.CompatibleRuntimes),
				Created: aws.ToString(out.CreatedDate), ARN: arn}, nil, [][]string{{arn}})
		},
	}
	cmd.Flags().StringVar(&l.Description, "description", "", "`TEXT` for people")
	cmd.Flags().StringVar(&signKey, "sign-key", "", "sign the package with the private key in this PEM `FILE`, as ebb sign does")
	cmd.Flags().StringVar(&l.License, "license", "", "its `LICENSE`")
	cmd.Flags().StringSliceVar(&l.Runtimes, "runtime", nil, "`RUNTIMES` it is made for, separated by commas")
	cmd.Flags().StringSliceVar(&l.Architectures, "architecture", nil, "`ARCHITECTURES` it is made for: x86_64, arm64")
	return cmd
}

// publishLayer sends a layer's content.
func publishLayer(ctx context.Context, api *lambda.Client, show *progress, l *manifest.Layer, p *codePackage) (*lambda.PublishLayerVersionOutput, error) {
	in := &lambda.PublishLayerVersionInput{LayerName: &l.Name, Description: &l.Description,
		Content: &types.LayerVersionContentInput{ZipFile: p.zip}}
	if l.License != "" {
		in.LicenseInfo = &l.License
	}
	for _, r := range l.Runtimes {
		in.CompatibleRuntimes = append(in.CompatibleRuntimes, types.Runtime(r))
	}
	for _, arch := range l.Architectures {
		in.CompatibleArchitectures = append(in.CompatibleArchitectures, types.Architecture(arch))
	}
	s := show.step(l.Name+": uploading", int64(len(p.zip)+2)/3*4) // as base64
	defer s.end()
	return api.PublishLayerVersion(watchUpload(ctx, s.add), in)
}

func (a *app) layerListVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "ls [NAME]",
		Aliases: []string{"list"},
		Short:   "List the layers, or the versions of one",
		Example: "  ebb layer ls\n  ebb layer ls shared",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			all, err := listLayers(cmd.Context(), c.Lambda(), given)
			if err != nil {
				return err
			}
			var rows [][]string
			for _, l := range all {
				rows = append(rows, []string{l.Layer, strconv.FormatInt(l.Version, 10), localTime(l.Created), strings.Join(l.Runtimes, " "), l.Description})
			}
			return a.print(all, []string{"LAYER", "VERSION", "CREATED", "RUNTIMES", "DESCRIPTION"}, rows)
		},
	}
}

// listLayers returns the newest version of every layer, or all of the one named.
func listLayers(ctx context.Context, api *lambda.Client, name []string) ([]layered, error) {
	all := []layered{}
	add := func(layer string, v *types.LayerVersionsListItem) {
		all = append(all, layered{Layer: layer, Version: v.Version, Description: aws.ToString(v.Description),
			Runtimes: texts(v.CompatibleRuntimes), Created: aws.ToString(v.CreatedDate), ARN: aws.ToString(v.LayerVersionArn)})
	}
	if len(name) == 0 {
		for pages := lambda.NewListLayersPaginator(api, &lambda.ListLayersInput{}); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, l := range page.Layers {
				add(aws.ToString(l.LayerName), l.LatestMatchingVersion)
			}
		}
		return all, nil
	}
	for pages := lambda.NewListLayerVersionsPaginator(api, &lambda.ListLayerVersionsInput{LayerName: &name[0]}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for i := range page.LayerVersions {
			add(name[0], &page.LayerVersions[i])
		}
	}
	return all, nil
}

func (a *app) layerRemoveVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "rm NAME VERSION",
		Aliases: []string{"remove", "delete"},
		Short:   "Remove a version of a layer; functions that have it keep it",
		Example: "  ebb layer rm shared 3",
		Args:    args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			number, err := strconv.ParseInt(given[1], 10, 64)
			if err != nil || number < 1 {
				return usagef("VERSION: %q is not the number of a version", given[1])
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			if _, err := c.Lambda().GetLayerVersion(cmd.Context(), &lambda.GetLayerVersionInput{LayerName: &given[0], VersionNumber: &number}); err != nil {
				return err // the API would not say that there is none
			}
			if _, err := c.Lambda().DeleteLayerVersion(cmd.Context(), &lambda.DeleteLayerVersionInput{LayerName: &given[0], VersionNumber: &number}); err != nil {
				return err
			}
			return a.print(layered{Layer: given[0], Version: number, Runtimes: []string{}, Removed: true}, nil, [][]string{{"removed " + given[0] + ":" + given[1]}})
		},
	}
}

// layers publishes the layers of a manifest whose content differs from their
// newest version, and notes the ARNs of all. With --only, those that the chosen
// functions have.
func (d *deployment) layers(ctx context.Context, m *manifest.Manifest) ([]deployed, error) {
	var results []deployed
	for i := range m.Layers {
		l := &m.Layers[i]
		if len(d.opt.only) > 0 && !slices.ContainsFunc(m.Functions, func(f manifest.Function) bool {
			return slices.Contains(d.opt.only, f.Name) && slices.Contains(f.Layers, l.Name)
		}) {
			continue
		}
		r, err := d.layer(ctx, m, l)
		if err != nil {
			return results, &named{"layer " + l.Name, err}
		}
		results = append(results, *r)
	}
	return results, nil
}

func (d *deployment) layer(ctx context.Context, m *manifest.Manifest, l *manifest.Layer) (*deployed, error) {
	p, err := d.pack(ctx, m, &manifest.Function{Name: l.Name, Code: l.Code, Build: l.Build})
	if err != nil {
		return nil, err
	}
	r := &deployed{Layer: l.Name, Action: actionUnchanged, Changed: []string{}, CodeSHA256: p.sha256, CodeSize: len(p.zip), DryRun: d.opt.dryRun}
	newest, err := d.newestLayer(ctx, l.Name)
	if err != nil {
		return nil, err
	}
	if newest == nil {
		r.Action = actionCreated
	} else {
		r.ARN, r.Version = aws.ToString(newest.LayerVersionArn), strconv.FormatInt(newest.Version, 10)
		r.Changed = layerDifferences(l, p, newest)
		if len(r.Changed) > 0 {
			r.Action = actionUpdated
		}
	}
	if r.Action != actionUnchanged && !d.opt.dryRun {
		out, err := publishLayer(ctx, d.lambda, d.show, l, p)
		if err != nil {
			return nil, err
		}
		r.ARN, r.Version = aws.ToString(out.LayerVersionArn), strconv.FormatInt(out.Version, 10)
	} else if r.Action != actionUnchanged {
		r.ARN, r.Version = "", ""
	}
	d.published[l.Name] = r.ARN
	d.show.line("layer %s: %s", l.Name, r.text())
	return r, nil
}

// newestLayer is the newest version of a layer, or nil.
func (d *deployment) newestLayer(ctx context.Context, name string) (*lambda.GetLayerVersionOutput, error) {
	if d.making {
		return nil, nil
	}
	page, err := d.lambda.ListLayerVersions(ctx, &lambda.ListLayerVersionsInput{LayerName: &name, MaxItems: aws.Int32(1)})
	if err != nil || len(page.LayerVersions) == 0 {
		return nil, err
	}
	return d.lambda.GetLayerVersion(ctx, &lambda.GetLayerVersionInput{LayerName: &name, VersionNumber: &page.LayerVersions[0].Version})
}

func layerDifferences(l *manifest.Layer, p *codePackage, have *lambda.GetLayerVersionOutput) []string {
	names := []string{}
	for _, d := range []struct {
		key     string
		differs bool
	}{
		{"code", aws.ToString(have.Content.CodeSha256) != p.sha256},
		{"description", aws.ToString(have.Description) != l.Description},
		{"license", aws.ToString(have.LicenseInfo) != l.License},
		{"runtimes", !slices.Equal(texts(have.CompatibleRuntimes), l.Runtimes)},
		{"architectures", !slices.Equal(texts(have.CompatibleArchitectures), l.Architectures)},
	} {
		if d.differs {
			names = append(names, d.key)
		}
	}
	return names
}

// layerARNs are the layers of a function as the platform names them. One that a
// dry run would publish first is named by its layer alone.
func (d *deployment) layerARNs(ctx context.Context, f *manifest.Function) ([]string, error) {
	arns := []string{}
	for _, ref := range f.Layers {
		name, version := manifest.SplitLayer(ref)
		arn, ours := d.published[name]
		switch {
		case strings.HasPrefix(ref, "arn:"):
			arn = ref
		case version != "":
			number, err := strconv.ParseInt(version, 10, 64)
			if err != nil {
				return nil, usagef("layers: %s: %w", ref, err)
			}
			out, err := d.lambda.GetLayerVersion(ctx, &lambda.GetLayerVersionInput{LayerName: &name, VersionNumber: &number})
			if err != nil {
				return nil, fmt.Errorf("layers: %s: %w", ref, err)
			}
			arn = aws.ToString(out.LayerVersionArn)
		case ours && arn == "":
			arn = name
		case !ours:
			newest, err := d.newestLayer(ctx, name)
			if err != nil {
				return nil, err
			}
			if newest == nil {
				return nil, usagef("layers: there is no layer %s, neither here nor on the platform", name)
			}
			arn = aws.ToString(newest.LayerVersionArn)
		}
		arns = append(arns, arn)
	}
	return arns, nil
}

// layersDiffer reports whether a function's layers are others than wanted.
func layersDiffer(want []string, have []types.Layer) bool {
	return !slices.EqualFunc(want, have, func(arn string, l types.Layer) bool { return arn == aws.ToString(l.Arn) })
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}
