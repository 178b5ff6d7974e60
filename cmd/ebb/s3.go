package main

import (
	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/server"
)

// s3Verb is the process that "ebb serve" has its S3 endpoint in.
func (a *app) s3Verb() *cobra.Command {
	return &cobra.Command{
		Use: "s3", Hidden: true,
		Short: "The S3 endpoint of ebb serve, which starts it",
		Args:  args(cobra.NoArgs),
		RunE:  func(*cobra.Command, []string) error { return server.ServeS3(a.in, a.out) },
	}
}
