package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/manifest"
)

// workflowAlias has an alias lead somewhere. They are listed by show, and
// deleted by rm.
func (a *app) workflowAlias() *cobra.Command {
	var want manifest.Alias
	var weight string
	cmd := &cobra.Command{
		Use:   "alias WORKFLOW ALIAS VERSION",
		Short: "Have an alias lead to a version, or to two by weight",
		Long: "Alias makes an alias or changes where it leads. 'ebb workflow show WORKFLOW' lists versions and\n" +
			"aliases; 'ebb workflow rm WORKFLOW:ALIAS' deletes one.",
		Example:           "  ebb workflow alias hello live 3\n  ebb workflow alias hello live 3 --weight 4=10",
		Args:              args(cobra.ExactArgs(3)),
		ValidArgsFunction: a.workflowNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			want.Name, want.Version = given[1], given[2]
			if n, err := strconv.Atoi(want.Version); err != nil || n < 1 {
				return usagef("%q is not the number of a version", want.Version)
			}
			if weight != "" {
				version, percent, _ := strings.Cut(weight, "=")
				n, err := strconv.Atoi(percent)
				if _, verr := strconv.Atoi(version); err != nil || verr != nil || n < 0 || n > 100 {
					return usagef("--weight: must be VERSION=PERCENT, such as 4=10")
				}
				want.Canary, want.Weight = version, float64(n)/100
			}
			return a.withWorkflows(cmd.Context(), func(w *workflows) error {
				if _, err := setWorkflowAlias(cmd.Context(), w.api, w.arn(given[0]), &want, false); err != nil {
					return &named{given[0], err}
				}
				out, err := w.api.DescribeStateMachineAlias(cmd.Context(), &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: aws.String(w.arn(given[0]) + ":" + want.Name)})
				if err != nil {
					return err
				}
				r := shownAlias{want.Name, aws.ToString(out.Description), routesText(out.RoutingConfiguration)}
				return a.print(r, nil, [][]string{{given[0] + ":" + r.Name + " leads to " + r.Leads}})
			})
		},
	}
	cmd.Flags().StringVar(&weight, "weight", "", "a second version and its share: `VERSION=PERCENT`")
	cmd.Flags().StringVar(&want.Description, "description", "", "`TEXT` for people")
	return cmd
}

// shownAlias is an alias in results.
type shownAlias struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Leads       string `json:"leads"` // 3, or 3 90%, 4 10%
}

// routesText says where an alias leads.
func routesText(routes []types.RoutingConfigurationListItem) string {
	if len(routes) == 1 {
		return versionOf(routes[0].StateMachineVersionArn)
	}
	var all []string
	for _, r := range routes {
		all = append(all, fmt.Sprintf("%s %d%%", versionOf(r.StateMachineVersionArn), r.Weight))
	}
	return strings.Join(all, ", ")
}
