package lambdaapi

func (a *API) getAccountSettings(c *call, _ *GetAccountSettingsRequest) (*GetAccountSettingsResponse, error) {
	if err := a.auth.Authorize(c.principal, "lambda:GetAccountSettings", "*"); err != nil {
		return nil, err
	}
	used, err := a.functions.Usage(c, serviceOf(c.principal))
	if err != nil {
		return nil, err
	}
	l := a.cfg.Limits
	return &GetAccountSettingsResponse{
		AccountLimit: &AccountLimit{
			TotalCodeSize:                  new(a.functions.Limits().CodeStorageMB << 20),
			CodeSizeUnzipped:               &l.Unzipped,
			CodeSizeZipped:                 &l.Zipped,
			ConcurrentExecutions:           new(int32(l.Concurrency)),
			UnreservedConcurrentExecutions: new(int32(l.Concurrency - used.Reserved)),
		},
		AccountUsage: &AccountUsage{
			TotalCodeSize: &used.CodeBytes,
			FunctionCount: new(int64(used.Functions)),
		},
	}, nil
}
