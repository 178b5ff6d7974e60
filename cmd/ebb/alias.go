package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/manifest"
)

// aliased is one alias in the results of 'ebb alias'.
type aliased struct {
	Function    string             `json:"function"`
	Alias       string             `json:"alias"`
	Version     string             `json:"version"`
	Weights     map[string]float64 `json:"weights"` // of the second version, if there is one
	Description string             `json:"description"`
	ARN         string             `json:"arn"`
	Removed     bool               `json:"removed,omitempty"`
}

// aliasVerb manages the names of versions.
func (a *app) aliasVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "alias",
		Short: "Set, list and remove aliases: names for versions of functions",
		Long: "An alias is a name for a published version, or for two that share the invocations. A change\n" +
			"counts from the next invocation on.",
		Example: "  ebb alias set hello live 3\n  ebb alias ls hello",
		Args:    args(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.aliasSetVerb(), a.aliasListVerb(), a.aliasRemoveVerb())
	return cmd
}

func (a *app) aliasSetVerb() *cobra.Command {
	var weight, description string
	cmd := &cobra.Command{
		Use:   "set FUNCTION ALIAS VERSION",
		Short: "Make an alias lead to a version; it is made if it is not there",
		Long: "Set makes an alias lead to VERSION: a number, latest ($LATEST), or published, the newest\n" +
			"published version. With --weight a second version gets a share of the invocations; without\n" +
			"it the first one gets all.",
		Example: "  ebb alias set hello live 3\n" +
			"  ebb alias set hello live 3 --weight 4=0.1   # a tenth goes to version 4\n" +
			"  ebb alias set hello live published",
		Args:              args(cobra.ExactArgs(3)),
		ValidArgsFunction: a.functionNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			want := manifest.Alias{Name: given[1], Version: given[2], Description: description}
			if want.Version == manifest.VersionLatest {
				want.Version = ebb.Latest
			}
			if weight != "" {
				version, share, _ := strings.Cut(weight, "=")
				n, err := strconv.ParseFloat(share, 64)
				if err != nil {
					return usagef("--weight: %q is not VERSION=SHARE, for example 4=0.1", weight)
				}
				want.Canary, want.Weight = version, n
			}
			return a.aliasSet(cmd.Context(), given[0], want)
		},
	}
	cmd.Flags().StringVar(&weight, "weight", "", "a second version and its share of the invocations, `VERSION=SHARE`")
	cmd.Flags().StringVar(&description, "description", "", "`TEXT` for people")
	return cmd
}

func (a *app) aliasSet(ctx context.Context, function string, want manifest.Alias) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	if want.Version == manifest.VersionPublished {
		if want.Version, err = newestVersion(ctx, c.Lambda(), function); err != nil {
			return err
		}
	}
	if _, err := setAlias(ctx, c.Lambda(), function, &want, false); err != nil {
		return err
	}
	got, err := c.Lambda().GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &function, Name: &want.Name})
	if err != nil {
		return err
	}
	r := newAliased(function, &types.AliasConfiguration{
		AliasArn: got.AliasArn, Name: got.Name, FunctionVersion: got.FunctionVersion, Description: got.Description, RoutingConfig: got.RoutingConfig})
	return a.print(r, nil, [][]string{{function + ":" + r.Alias + " leads to " + r.leads()}})
}

// newestVersion is the number of the last published version.
func newestVersion(ctx context.Context, api *lambda.Client, function string) (string, error) {
	newest := ""
	for pages := lambda.NewListVersionsByFunctionPaginator(api, &lambda.ListVersionsByFunctionInput{FunctionName: &function}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, v := range page.Versions {
			newest = aws.ToString(v.Version) // they come by number
		}
	}
	if newest == "" || newest == ebb.Latest {
		return "", usagef("%s has no published version; make one with: ebb deploy --publish", function)
	}
	return newest, nil
}

// setAlias makes an alias what is wanted and reports whether it was not already;
// with dry it only looks.
func setAlias(ctx context.Context, api *lambda.Client, function string, want *manifest.Alias, dry bool) (changed bool, err error) {
	routing := &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}
	if want.Canary != "" {
		routing.AdditionalVersionWeights[want.Canary] = want.Weight
	}
	have, err := api.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &function, Name: &want.Name})
	_, missing := errors.AsType[*types.ResourceNotFoundException](err)
	switch {
	case err != nil && !missing:
		return false, err
	case !missing && sameAlias(want, have):
		return false, nil
	case dry:
		return true, nil
	case missing:
		_, err = api.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: &function, Name: &want.Name,
			FunctionVersion: &want.Version, Description: &want.Description, RoutingConfig: routing})
		return true, err
	}
	_, err = api.UpdateAlias(ctx, &lambda.UpdateAliasInput{FunctionName: &function, Name: &want.Name, RevisionId: have.RevisionId,
		FunctionVersion: &want.Version, Description: &want.Description, RoutingConfig: routing})
	return true, err
}

func sameAlias(want *manifest.Alias, have *lambda.GetAliasOutput) bool {
	weights := map[string]float64{}
	if want.Canary != "" {
		weights[want.Canary] = want.Weight
	}
	var live map[string]float64
	if have.RoutingConfig != nil {
		live = have.RoutingConfig.AdditionalVersionWeights
	}
	return aws.ToString(have.FunctionVersion) == want.Version && aws.ToString(have.Description) == want.Description && maps.Equal(weights, live)
}

func (a *app) aliasListVerb() *cobra.Command {
	return &cobra.Command{
		Use:               "ls FUNCTION",
		Aliases:           []string{"list"},
		Short:             "List the aliases of a function",
		Example:           "  ebb alias ls hello",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.functionNames,
		RunE:              func(cmd *cobra.Command, given []string) error { return a.aliasList(cmd.Context(), given[0]) },
	}
}

func (a *app) aliasList(ctx context.Context, function string) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	all := []aliased{}
	var rows [][]string
	for pages := lambda.NewListAliasesPaginator(c.Lambda(), &lambda.ListAliasesInput{FunctionName: &function}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for i := range page.Aliases {
			r := newAliased(function, &page.Aliases[i])
			all = append(all, r)
			rows = append(rows, []string{r.Alias, r.leads(), r.Description})
		}
	}
	return a.print(all, []string{"ALIAS", "VERSION", "DESCRIPTION"}, rows)
}

func (a *app) aliasRemoveVerb() *cobra.Command {
	return &cobra.Command{
		Use:               "rm FUNCTION ALIAS",
		Aliases:           []string{"remove", "delete"},
		Short:             "Remove an alias; the versions stay",
		Example:           "  ebb alias rm hello live",
		Args:              args(cobra.ExactArgs(2)),
		ValidArgsFunction: a.functionNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			if _, err := c.Lambda().GetAlias(cmd.Context(), &lambda.GetAliasInput{FunctionName: &given[0], Name: &given[1]}); err != nil {
				return err // the API would not say that there is none
			}
			if _, err := c.Lambda().DeleteAlias(cmd.Context(), &lambda.DeleteAliasInput{FunctionName: &given[0], Name: &given[1]}); err != nil {
				return err
			}
			return a.print(aliased{Function: given[0], Alias: given[1], Removed: true}, nil, [][]string{{"removed " + given[0] + ":" + given[1]}})
		},
	}
}

func newAliased(function string, c *types.AliasConfiguration) aliased {
	r := aliased{Function: function, Alias: aws.ToString(c.Name), Version: aws.ToString(c.FunctionVersion), Weights: map[string]float64{},
		Description: aws.ToString(c.Description), ARN: aws.ToString(c.AliasArn)}
	if c.RoutingConfig != nil {
		maps.Copy(r.Weights, c.RoutingConfig.AdditionalVersionWeights)
	}
	return r
}

// leads says for people where an alias leads.
func (r *aliased) leads() string {
	text := r.Version
	for _, version := range slices.Sorted(maps.Keys(r.Weights)) {
		text += fmt.Sprintf(", %s for %g%%", version, r.Weights[version]*100)
	}
	return text
}
