package main

import (
	"bufio"
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"
)

// removed is the result of 'ebb rm' for one function.
type removed struct {
	Function  string `json:"function"`
	Qualifier string `json:"qualifier"` // "" = the function with all its versions
	Removed   bool   `json:"removed"`
}

// rmVerb deletes functions.
func (a *app) rmVerb() *cobra.Command {
	var yes bool
	var qualifier string
	cmd := &cobra.Command{
		Use:     "rm FUNCTION...",
		Aliases: []string{"remove", "delete"},
		Short:   "Delete functions, with their versions and addresses",
		Long: "Rm deletes functions for good, or with --qualifier one published version. On a terminal it\n" +
			"asks first.",
		Example:           "  ebb rm hello\n  ebb rm -y hello other\n  ebb rm hello --qualifier 3",
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.functionNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.rm(cmd.Context(), given, qualifier, yes)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().StringVarP(&qualifier, "qualifier", "q", "", "delete only this published `VERSION`")
	return cmd
}

func (a *app) rm(ctx context.Context, names []string, qualifier string, yes bool) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	what := strings.Join(names, ", ")
	if qualifier != "" {
		what = "version " + qualifier + " of " + what
	}
	if !yes && terminal(a.in) && !a.confirm("delete "+what+"?") {
		return usagef("nothing was deleted")
	}
	results := []removed{}
	var rows [][]string
	for _, name := range names {
		in := &lambda.DeleteFunctionInput{FunctionName: &name}
		if qualifier != "" {
			in.Qualifier = &qualifier
		}
		if _, err = c.Lambda().DeleteFunction(ctx, in); err != nil {
			err = &named{name, err}
			break
		}
		results = append(results, removed{Function: name, Qualifier: qualifier, Removed: true})
		rows = append(rows, []string{"deleted " + strings.TrimSuffix(name+":"+qualifier, ":")})
	}
	if perr := a.print(results, nil, rows); err == nil {
		err = perr
	}
	return err
}

// confirm asks a person. Anything but yes is no.
func (a *app) confirm(question string) bool {
	_, _ = a.errs.Write([]byte(question + " [y/N] "))
	line, _ := bufio.NewReader(a.in).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return true
	}
	return false
}
