package lambdaapi

func (a *API) getAccountSettings(c *call, _ *GetAccountSettingsRequest) (*GetAccountSettingsResponse, error) {
	id := serviceOf(c.principal)
	used, err := a.functions.Usage(c, id)
	if err != nil {
		return nil, err
	}
	quota, err := a.functions.Quota(c, id)
	if err != nil {
		return nil, err
	}
	l := a.cfg.Limits
	concurrency, code := l.Concurrency, a.functions.Limits().CodeStorageMB
	if quota.Concurrency > 0 {
		concurrency = min(concurrency, quota.Concurrency)
	}
	if quota.CodeStorageMB > 0 {
		code = min(code, quota.CodeStorageMB)
	}
	return &GetAccountSettingsResponse{
		AccountLimit: &AccountLimit{
			TotalCodeSize:                  new(code << 20),
			CodeSizeUnzipped:               &l.Unzipped,
			CodeSizeZipped:                 &l.Zipped,
			ConcurrentExecutions:           new(int32(concurrency)),
			UnreservedConcurrentExecutions: new(int32(max(0, concurrency-used.Reserved))),
		},
		AccountUsage: &AccountUsage{
			TotalCodeSize: &used.CodeBytes,
			FunctionCount: new(int64(used.Functions)),
		},
	}, nil
}
