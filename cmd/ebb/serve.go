package main

import (
	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/server"
)

// serveVerb runs the platform.
func (a *app) serveVerb() *cobra.Command {
	var listen, gateway, buckets, config, database string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the platform in the foreground",
		Long: "Serve runs the platform until it is interrupted, then lets work in flight finish.\n" +
			"It prints one line, 'ready api=URL gateway=URL s3=URL', when it answers.\n" +
			"The first start on a data directory makes the root credentials in it.",
		Example: "  ebb serve --data /var/lib/ebb\n" +
			"  ebb serve --listen 127.0.0.1:0 --gateway 127.0.0.1:0\n" +
			"  ebb serve --database postgres://ebb@db.example.com/ebb",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg := server.DefaultConfig()
			if config != "" {
				var err error
				if cfg, err = server.LoadConfig(config); err != nil {
					return err
				}
			}
			for flag, dst := range map[string]*string{"listen": &cfg.Listen, "gateway": &cfg.Gateway} {
				if cmd.Flags().Changed(flag) {
					*dst = cmd.Flags().Lookup(flag).Value.String()
				}
			}
			switch {
			case buckets == "off":
				cfg.S3.Off = true
			case cmd.Flags().Changed("s3"):
				cfg.S3.Off, cfg.S3.Listen = false, buckets
			}
			if database != "" {
				if err := cfg.UseDatabase(database); err != nil {
					return err
				}
			}
			if a.dir != "" {
				cfg.Data = a.dir
			}
			ctx := cmd.Context()
			if cfg.MayBeRootless() {
				ctx, cfg.RootlessRefused = asRoot(ctx, boxable(cfg.Data))
			}
			return server.Run(ctx, cfg, a.out)
		},
	}
	d := server.DefaultConfig()
	cmd.Flags().StringVar(&listen, "listen", d.Listen, "`ADDR` of the management API; port 0 picks a free one")
	cmd.Flags().StringVar(&gateway, "gateway", d.Gateway, "`ADDR` of the data plane (function URLs); port 0 picks a free one")
	cmd.Flags().StringVar(&buckets, "s3", server.DefaultS3, "`ADDR` of the S3 endpoint, or off; port 0 picks a free one")
	cmd.Flags().StringVar(&database, "database", "", "PostgreSQL `URL` instead of SQLite in the data directory;\n"+
		"the password by EBB_DATABASE_PASSWORD or the configuration, never here")
	cmd.Flags().StringVar(&config, "config", "", "YAML `FILE` with further settings; flags win over it")
	return cmd
}
