package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/manifest"
)

// workflowDeploy makes the platform's state machines what files say.
func (a *app) workflowDeploy() *cobra.Command {
	var opt deployOptions
	var name, kind, alias, role string
	cmd := &cobra.Command{
		Use:   "deploy [FOLDER|FILE]...",
		Short: "Create or update workflows of an ebb.yaml, or of a definition's file",
		Long: "Deploy creates or updates the state machines that ebb.yaml names under workflows, and nothing\n" +
			"else of it ('ebb deploy' does everything). Of the file of a definition alone, the state machine\n" +
			"is called like the file, or --name. In a definition ${functions.NAME} and ${workflows.NAME} stand\n" +
			"for ARNs. Executions that run go on with the definition they began with.",
		Example: "  ebb workflow deploy\n" +
			"  ebb workflow deploy hello.asl.yaml --publish --alias live\n" +
			"  ebb workflow deploy --dry-run -o json",
		RunE: func(cmd *cobra.Command, given []string) error {
			if kind != "" && kind != ebb.StateMachineStandard && kind != ebb.StateMachineExpress {
				return usagef("--type: must be STANDARD or EXPRESS")
			}
			if len(given) == 0 {
				given = []string{"."}
			}
			opt.publish = opt.publish || alias != ""
			return a.deployWorkflows(cmd.Context(), given, opt, func(s *source) error {
				if s.of != nil && (name != "" || kind != "" || role != "") {
					return usagef("--name, --type and --role: ebb.yaml says that; give the file of a definition")
				}
				if name != "" {
					s.Name = name
				}
				if kind != "" {
					s.Type = kind
				}
				if role != "" {
					s.Role = role
				}
				if alias != "" {
					s.Aliases = append(s.Aliases, manifest.Alias{Name: alias, Version: manifest.VersionPublished})
				}
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&opt.only, "only", nil, "deploy only the workflows of these `NAMES`, separated by commas")
	f.BoolVar(&opt.publish, "publish", false, "publish a version of each workflow afterwards")
	f.BoolVar(&opt.dryRun, "dry-run", false, "compare, but change nothing")
	f.StringVar(&name, "name", "", "of a definition's file: the workflow's `NAME`")
	f.StringVar(&kind, "type", "", "of a definition's file: the workflow's `TYPE`, STANDARD or EXPRESS")
	f.StringVar(&role, "role", "", "of a definition's file: the `ROLE` that tasks act with (default "+manifest.DefaultRole+")")
	f.StringVar(&alias, "alias", "", "have this `ALIAS` lead to the version that is published")
	return cmd
}

// deployWorkflows works through files one workflow at a time. adapt has its say
// about each before.
func (a *app) deployWorkflows(ctx context.Context, paths []string, opt deployOptions, adapt func(*source) error) error {
	var all []*source
	for _, path := range paths {
		found, err := sourcesOf(path)
		if err != nil {
			return err
		}
		for _, s := range found {
			if err := adapt(s); err != nil {
				return err
			}
			if len(opt.only) == 0 || slices.Contains(opt.only, s.Name) {
				all = append(all, s)
			}
		}
	}
	if len(all) == 0 {
		return usagef("--only: there is no workflow %s in %s", strings.Join(opt.only, ", "), strings.Join(paths, ", "))
	}
	results := []deployed{}
	show := newProgress(a.errs)
	err := func() error {
		for _, s := range all {
			var of *manifest.Service
			if s.of != nil {
				of = s.of.Service
			}
			d, err := a.deployTo(ctx, of, opt, show)
			if err != nil {
				return err
			}
			r, err := d.workflow(ctx, s)
			d.client.Close()
			if err != nil {
				return &named{s.Name, err}
			}
			results = append(results, *r)
		}
		return nil
	}()
	show.wait()
	return errors.Join(err, a.printDeployed(results, err != nil))
}

// workflow creates or updates one state machine.
func (d *deployment) workflow(ctx context.Context, s *source) (*deployed, error) {
	r := &deployed{Workflow: s.Name, Action: actionUnchanged, Changed: []string{}, DryRun: d.opt.dryRun}
	want, err := d.wanted(s)
	if err != nil {
		return nil, err
	}
	if d.making {
		r.Action = actionCreated
		return r, nil
	}
	api := d.client.Workflows()
	live, err := api.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &want.arn})
	switch {
	case noWorkflow(err):
		r.Action = actionCreated
		err = d.createWorkflow(ctx, api, s, want, r)
	case err == nil:
		r.ARN = want.arn
		err = d.updateWorkflow(ctx, api, s, want, live, r)
	}
	if err != nil {
		return nil, err
	}
	if err := d.workflowAliases(ctx, api, s, r); err != nil {
		return nil, err
	}
	if len(r.Changed) > 0 && r.Action == actionUnchanged {
		r.Action = actionUpdated
	}
	d.show.line("%s: %s", s.Name, r.text())
	return r, nil
}

// wantedWorkflow is what the API is to have of a workflow.
type wantedWorkflow struct {
	arn, definition, role string
	logging               *types.LoggingConfiguration
	publish               bool
}

// wanted checks the definition, so that all its problems are told at once and by
// line, and fills it in.
func (d *deployment) wanted(s *source) (*wantedWorkflow, error) {
	machine, problems := s.check()
	if machine == nil {
		return nil, notValid(problems)
	}
	region := d.client.Config().Region
	text, _ := s.fill(region, d.service) // what it does not know was told
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, text, "", "  "); err != nil {
		return nil, err
	}
	w := &wantedWorkflow{
		arn:        ebb.StateMachineARN(region, ebb.StateMachineKey{Service: d.service, Name: s.Name}, ""),
		definition: pretty.String(), role: s.RoleARN(d.service),
		logging: &types.LoggingConfiguration{Level: types.LogLevel(s.Logging.Level), IncludeExecutionData: s.Logging.Data},
		publish: d.opt.publish || slices.ContainsFunc(s.Aliases, func(a manifest.Alias) bool { return a.Version == manifest.VersionPublished }),
	}
	if w.logging.Level != types.LogLevelOff {
		group := s.Logging.LogTo
		if group == "" {
			group = fmt.Sprintf("arn:aws:logs:%s:%s:log-group:/ebb/workflows/%s:*", region, d.service, s.Name)
		}
		w.logging.Destinations = []types.LogDestination{{CloudWatchLogsLogGroup: &types.CloudWatchLogsLogGroup{LogGroupArn: &group}}}
	}
	return w, nil
}

func (d *deployment) createWorkflow(ctx context.Context, api *sfn.Client, s *source, want *wantedWorkflow, r *deployed) error {
	if d.opt.dryRun {
		return nil
	}
	var tags []types.Tag
	for _, k := range slices.Sorted(maps.Keys(s.Tags)) {
		tags = append(tags, types.Tag{Key: &k, Value: aws.String(s.Tags[k])})
	}
	out, err := api.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{
		Name: &s.Name, Type: types.StateMachineType(s.Type), Definition: &want.definition, RoleArn: &want.role,
		LoggingConfiguration: want.logging, TracingConfiguration: &types.TracingConfiguration{Enabled: s.Tracing},
		Tags: tags, Publish: want.publish,
	})
	if err != nil {
		return err
	}
	r.ARN, r.Version = aws.ToString(out.StateMachineArn), versionOf(out.StateMachineVersionArn)
	return nil
}

// updateWorkflow changes what differs, in one step, then tags.
func (d *deployment) updateWorkflow(ctx context.Context, api *sfn.Client, s *source, want *wantedWorkflow, live *sfn.DescribeStateMachineOutput, r *deployed) error {
	if string(live.Type) != s.Type {
		return usagef("type: %s cannot become %s; delete the workflow first: ebb workflow rm %s", live.Type, s.Type, s.Name)
	}
	r.Changed = append(r.Changed, workflowDifferences(s, want, live)...)
	differs := len(r.Changed) > 0
	tags, err := api.ListTagsForResource(ctx, &sfn.ListTagsForResourceInput{ResourceArn: &want.arn})
	if err != nil {
		return err
	}
	have := map[string]string{}
	for _, t := range tags.Tags {
		have[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	if !maps.Equal(have, s.Tags) {
		r.Changed = append(r.Changed, "tags")
	}
	switch {
	case d.opt.dryRun:
		return nil
	case differs:
		out, err := api.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{
			StateMachineArn: &want.arn, Definition: &want.definition, RoleArn: &want.role, LoggingConfiguration: want.logging,
			TracingConfiguration: &types.TracingConfiguration{Enabled: s.Tracing}, Publish: want.publish,
		})
		if err != nil {
			return err
		}
		r.Version = versionOf(out.StateMachineVersionArn)
	case want.publish:
		out, err := api.PublishStateMachineVersion(ctx, &sfn.PublishStateMachineVersionInput{StateMachineArn: &want.arn})
		if err != nil {
			return err
		}
		r.Version = versionOf(out.StateMachineVersionArn)
	}
	return tagWorkflow(ctx, api, want.arn, have, s.Tags)
}

// workflowDifferences names the settings in which files and platform differ.
func workflowDifferences(s *source, want *wantedWorkflow, live *sfn.DescribeStateMachineOutput) (names []string) {
	logging := types.LoggingConfiguration{Level: types.LogLevelOff}
	if live.LoggingConfiguration != nil {
		logging = *live.LoggingConfiguration
	}
	for _, d := range []struct {
		key     string
		differs bool
	}{
		{"definition", aws.ToString(live.Definition) != want.definition},
		{"role", aws.ToString(live.RoleArn) != want.role},
		{"logging", logging.Level != want.logging.Level || logging.IncludeExecutionData != want.logging.IncludeExecutionData ||
			logGroup(logging.Destinations) != logGroup(want.logging.Destinations)},
		{"tracing", (live.TracingConfiguration != nil && live.TracingConfiguration.Enabled) != s.Tracing},
	} {
		if d.differs {
			names = append(names, d.key)
		}
	}
	return names
}

func logGroup(all []types.LogDestination) string {
	if len(all) == 0 || all[0].CloudWatchLogsLogGroup == nil {
		return ""
	}
	return aws.ToString(all[0].CloudWatchLogsLogGroup.LogGroupArn)
}

func tagWorkflow(ctx context.Context, api *sfn.Client, arn string, have, want map[string]string) error {
	var gone []string
	var set []types.Tag
	for _, k := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[k]; !ok {
			gone = append(gone, k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if old, ok := have[k]; !ok || old != want[k] {
			set = append(set, types.Tag{Key: &k, Value: aws.String(want[k])})
		}
	}
	if len(gone) > 0 {
		if _, err := api.UntagResource(ctx, &sfn.UntagResourceInput{ResourceArn: &arn, TagKeys: gone}); err != nil {
			return err
		}
	}
	if len(set) > 0 {
		_, err := api.TagResource(ctx, &sfn.TagResourceInput{ResourceArn: &arn, Tags: set})
		return err
	}
	return nil
}

// workflowAliases makes the aliases what the files say.
func (d *deployment) workflowAliases(ctx context.Context, api *sfn.Client, s *source, r *deployed) error {
	changed := false
	for _, want := range s.Aliases {
		if want.Version == manifest.VersionPublished {
			if d.opt.dryRun {
				continue // where it would lead is not known yet
			}
			want.Version = r.Version
		}
		if d.opt.dryRun && r.Action == actionCreated {
			continue
		}
		one, err := setWorkflowAlias(ctx, api, r.ARN, &want, d.opt.dryRun)
		if err != nil {
			return fmt.Errorf("alias %s: %w", want.Name, err)
		}
		changed = changed || one
	}
	if changed && r.Action != actionCreated {
		r.Changed = append(r.Changed, "aliases")
	}
	return nil
}

// setWorkflowAlias makes an alias what is wanted and reports whether it was not
// already; with dry it only looks.
func setWorkflowAlias(ctx context.Context, api *sfn.Client, machine string, want *manifest.Alias, dry bool) (changed bool, err error) {
	second := int32(math.Round(want.Weight * 100))
	routes := []types.RoutingConfigurationListItem{{StateMachineVersionArn: aws.String(machine + ":" + want.Version), Weight: 100 - second}}
	if want.Canary != "" {
		routes = append(routes, types.RoutingConfigurationListItem{StateMachineVersionArn: aws.String(machine + ":" + want.Canary), Weight: second})
	}
	arn := machine + ":" + want.Name
	have, err := api.DescribeStateMachineAlias(ctx, &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: &arn})
	_, missing := errors.AsType[*types.ResourceNotFound](err)
	switch {
	case err != nil && !missing:
		return false, err
	case !missing && aws.ToString(have.Description) == want.Description && sameRoutes(have.RoutingConfiguration, routes):
		return false, nil
	case dry:
		return true, nil
	case missing:
		_, err = api.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{Name: &want.Name, Description: &want.Description, RoutingConfiguration: routes})
		return true, err
	}
	_, err = api.UpdateStateMachineAlias(ctx, &sfn.UpdateStateMachineAliasInput{StateMachineAliasArn: &arn, Description: &want.Description, RoutingConfiguration: routes})
	return true, err
}

func sameRoutes(a, b []types.RoutingConfigurationListItem) bool {
	return slices.EqualFunc(a, b, func(x, y types.RoutingConfigurationListItem) bool {
		return aws.ToString(x.StateMachineVersionArn) == aws.ToString(y.StateMachineVersionArn) && x.Weight == y.Weight
	})
}

// versionOf is the number at the end of a version's ARN, "" without one.
func versionOf(arn *string) string {
	a, _ := ebb.ParseStatesARN(aws.ToString(arn))
	return a.Rest
}
