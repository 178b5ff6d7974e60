package lambdaapi

// Of the model's numbers one is not ebb's: 32 GB of memory are for AWS's managed
// instances. The longest timeout is configuration, see New. Runtimes are those
// of the host, not the model's list; the handler of a web function is a command,
// which has spaces.

//go:generate go run ../awsgen -service lambda/2015-03-31 -package lambdaapi -set MemorySize.max=10240 -free Runtime -free Handler -operations AddLayerVersionPermission,AddPermission,CreateAlias,CreateFunction,CreateFunctionUrlConfig,DeleteAlias,DeleteFunction,DeleteFunctionConcurrency,DeleteFunctionEventInvokeConfig,DeleteFunctionUrlConfig,DeleteLayerVersion,DeleteProvisionedConcurrencyConfig,GetAccountSettings,GetAlias,GetFunction,GetFunctionConcurrency,GetFunctionConfiguration,GetFunctionEventInvokeConfig,GetFunctionRecursionConfig,GetFunctionUrlConfig,GetLayerVersion,GetLayerVersionByArn,GetLayerVersionPolicy,GetPolicy,GetProvisionedConcurrencyConfig,GetRuntimeManagementConfig,Invoke,InvokeAsync,InvokeWithResponseStream,ListAliases,ListFunctionEventInvokeConfigs,ListFunctionUrlConfigs,ListFunctions,ListLayerVersions,ListLayers,ListProvisionedConcurrencyConfigs,ListTags,ListVersionsByFunction,PublishLayerVersion,PublishVersion,PutFunctionConcurrency,PutFunctionEventInvokeConfig,PutFunctionRecursionConfig,PutProvisionedConcurrencyConfig,PutRuntimeManagementConfig,RemoveLayerVersionPermission,RemovePermission,TagResource,UntagResource,UpdateAlias,UpdateFunctionCode,UpdateFunctionConfiguration,UpdateFunctionEventInvokeConfig,UpdateFunctionUrlConfig
