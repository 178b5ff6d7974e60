package main

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// listed is one function in the result of 'ebb ls'.
type listed struct {
	Name         string `json:"name"`
	Runtime      string `json:"runtime"`
	Handler      string `json:"handler"`
	MemoryMB     int32  `json:"memoryMB"`
	TimeoutS     int32  `json:"timeoutS"` // seconds
	CodeSize     int64  `json:"codeSize"` // bytes
	CodeSHA256   string `json:"codeSha256"`
	State        string `json:"state"`
	LastModified string `json:"lastModified"`
	ARN          string `json:"arn"`
	Description  string `json:"description"`
	URL          string `json:"url"` // "" = none
}

// urlsAtOnce bounds how many functions are asked for their address at a time:
// the Lambda API has no list of all addresses.
const urlsAtOnce = 8

// lsVerb lists functions.
func (a *app) lsVerb() *cobra.Command {
	var nodes bool
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the functions, or the nodes",
		Example: "  ebb ls\n  ebb ls -o json\n  ebb ls --nodes",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if nodes {
				return a.lsNodes(cmd.Context())
			}
			return a.ls(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&nodes, "nodes", false, "list the nodes that share the database instead")
	return cmd
}

func (a *app) ls(ctx context.Context) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	all, err := listFunctions(ctx, c)
	if err != nil {
		return err
	}
	if err := addURLs(ctx, c, all); err != nil {
		return err
	}
	if len(all) == 0 && a.output == outTable {
		a.note("there are no functions yet; make one with: ebb init hello --runtime python && ebb deploy hello")
		return nil
	}
	var rows [][]string
	for _, f := range all {
		rows = append(rows, []string{
			f.Name, cmp.Or(f.Runtime, "(image)"), strconv.Itoa(int(f.MemoryMB)) + " MB", (time.Duration(f.TimeoutS) * time.Second).String(),
			bytesText(f.CodeSize), f.State, localTime(f.LastModified), f.URL,
		})
	}
	return a.print(all, []string{"NAME", "RUNTIME", "MEMORY", "TIMEOUT", "CODE", "STATE", "MODIFIED", "URL"}, rows)
}

// addURLs fills in the functions' own addresses.
func addURLs(ctx context.Context, c *client.Client, all []listed) error {
	api := c.Lambda()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(urlsAtOnce)
	for i := range all {
		group.Go(func() error {
			u, err := findURL(ctx, api, all[i].Name)
			if err != nil {
				return &named{all[i].Name, err}
			}
			if u != nil {
				all[i].URL = aws.ToString(u.FunctionUrl)
			}
			return nil
		})
	}
	return group.Wait()
}

// listFunctions returns all functions, by name.
func listFunctions(ctx context.Context, c *client.Client) ([]listed, error) {
	all := []listed{}
	for pages := lambda.NewListFunctionsPaginator(c.Lambda(), &lambda.ListFunctionsInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, f := range page.Functions {
			all = append(all, newListed(f))
		}
	}
	return all, nil
}

func newListed(f types.FunctionConfiguration) listed {
	l := listed{
		Name: aws.ToString(f.FunctionName), Runtime: string(f.Runtime), Handler: aws.ToString(f.Handler),
		MemoryMB: aws.ToInt32(f.MemorySize), TimeoutS: aws.ToInt32(f.Timeout),
		CodeSize: f.CodeSize, CodeSHA256: aws.ToString(f.CodeSha256), State: string(f.State),
		LastModified: aws.ToString(f.LastModified), ARN: aws.ToString(f.FunctionArn), Description: aws.ToString(f.Description),
	}
	if l.State == "" {
		l.State = string(types.StateActive) // lists of the real thing leave it out
	}
	return l
}

// localTime is an API time as a person here reads it.
func localTime(s string) string {
	t, err := time.Parse("2006-01-02T15:04:05.000-0700", s)
	if err != nil {
		return s
	}
	return t.Local().Format(time.DateTime)
}
