package auth

import (
	"slices"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// class is what an action does to the platform.
type class uint8

const (
	identify   class = iota // say who the caller is
	see                     // look at what there is and how it went
	invokes                 // run it
	operate                 // keep it running: traffic, limits, triggers on and off
	deploy                  // change what it is
	administer              // who may do what; values of secrets
)

// grant is an action's entry in the table. Node: only those who act for the
// whole node may, whatever their role.
type grant struct {
	class class
	node  bool
}

// classes is what each platform role may do; the one table of permissions is
// this and actions.
func classes() map[ebb.PlatformRole][]class {
	return map[ebb.PlatformRole][]class{
		ebb.RoleAdmin:     {identify, see, invokes, operate, deploy, administer},
		ebb.RoleDeveloper: {identify, see, invokes, operate, deploy},
		ebb.RoleOperator:  {identify, see, invokes, operate},
		ebb.RoleAuditor:   {identify, see},
		ebb.RoleInvoker:   {identify, invokes},
	}
}

// Actions lists every action that anybody but root may do, sorted.
func Actions() []string {
	var all []string
	for action := range actions() {
		all = append(all, action)
	}
	slices.Sort(all)
	return all
}

// actions is the table: every action of every API. What is not here, root alone
// may do.
func actions() map[string]grant {
	table := make(map[string]grant)
	for class, names := range map[class][]string{
		identify: {"sts:GetCallerIdentity", "ebb:GetHealth"},
		see:      slices.Concat(seeLambda(), seeStates(), seeEbb(), seeS3()),
		invokes: append(useS3(),
			"lambda:InvokeFunction", "lambda:InvokeFunctionUrl", "lambda:InvokeAsync",
			"events:PutEvents", "ebb:PutEvents",
			"states:StartExecution", "states:StartSyncExecution", "states:GetActivityTask",
			"states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat",
			"events:RetrieveConnectionCredentials", // by HTTP tasks
			"lambda:CheckpointDurableExecution", "lambda:SendDurableExecutionCallbackFailure",
			"lambda:SendDurableExecutionCallbackHeartbeat", "lambda:SendDurableExecutionCallbackSuccess",
		),
		operate: {
			"lambda:UpdateAlias", "lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency",
			"lambda:PutProvisionedConcurrencyConfig", "lambda:DeleteProvisionedConcurrencyConfig",
			"lambda:UpdateEventSourceMapping", "lambda:PutFunctionScalingConfig", "lambda:StopDurableExecution",
			"ebb:PauseTrigger", "ebb:ResumeTrigger", "ebb:TestTrigger", "ebb:SeekTrigger", "ebb:UpdateAPIKey",
			"states:StopExecution", "states:RedriveExecution", "states:UpdateMapRun", "states:UpdateStateMachineAlias",
			"ebb:StopTask", "ebb:RedriveTask", "ebb:RedriveDelivery",
		},
		deploy: append(slices.Concat(deployLambda(), deployStates(), deployS3()),
			"scheduler:CreateSchedule", "scheduler:UpdateSchedule", "scheduler:DeleteSchedule", "scheduler:GetSchedule", // by tasks
			"ebb:CreateTrigger", "ebb:UpdateTrigger", "ebb:DeleteTrigger", "ebb:CreateAPIKey", "ebb:DeleteAPIKey",
			"ebb:PutRole", "ebb:DeleteRole", "ebb:PutSecret", "ebb:RotateSecret", "ebb:DeleteSecret", "sts:AssumeRole"),
		administer: {
			"ebb:ListKeys", "ebb:GetKey", "ebb:CreateKey", "ebb:UpdateKey", "ebb:RotateKey", "ebb:DeleteKey",
			"ebb:RevealSecret", "states:RevealSecrets",
			// Whose code may be deployed: those who deploy do not say it themselves.
			"ebb:AddPublisher", "ebb:RemovePublisher",
			"lambda:CreateCodeSigningConfig", "lambda:UpdateCodeSigningConfig", "lambda:DeleteCodeSigningConfig",
			"lambda:PutFunctionCodeSigningConfig", "lambda:DeleteFunctionCodeSigningConfig",
		},
	} {
		for _, name := range names {
			table[name] = grant{class: class}
		}
	}
	for class, names := range map[class][]string{
		see: {"ebb:ListNodes"},
		administer: {
			"ebb:CreateService", "ebb:UpdateService", "ebb:DeleteService", "ebb:RotateMasterKey", "ebb:CreateBackup",
			"ebb:AddRuntime", "ebb:RemoveRuntime",
			"ebb:PutCalendar", "ebb:DeleteCalendar", // of all services
		},
	} {
		for _, name := range names {
			table[name] = grant{class: class, node: true}
		}
	}
	return table
}

func seeEbb() []string {
	return []string{
		"ebb:GetNode", "ebb:ListInstances", "ebb:GetLogs", "ebb:GetWorkflowLogs", "ebb:GetMetrics",
		"ebb:ListServices", "ebb:GetService", "ebb:ListRoles", "ebb:GetRole", "ebb:ListSecrets", "ebb:GetSecret",
		"events:TestEventPattern",
		"ebb:ListTriggers", "ebb:GetTrigger", "ebb:ListFires", "ebb:ListCalendars", "ebb:GetCalendar",
		"ebb:ListAPIKeys", "ebb:GetAPIKey", "ebb:ListRuntimes", "ebb:ListPublishers", "ebb:ListTasks", "ebb:GetTask", "ebb:GetTaskResult",
		"ebb:ListDeliveries", "ebb:GetDelivery",
	}
}

func seeLambda() []string {
	return under("lambda:",
		"GetAccountSettings", "GetAlias", "GetCapacityProvider", "GetCodeSigningConfig", "GetDurableExecution",
		"GetDurableExecutionHistory", "GetDurableExecutionState", "GetEventSourceMapping", "GetFunction",
		"GetFunctionCodeSigningConfig", "GetFunctionConcurrency", "GetFunctionConfiguration",
		"GetFunctionEventInvokeConfig", "GetFunctionRecursionConfig", "GetFunctionScalingConfig",
		"GetFunctionUrlConfig", "GetLayerVersion", "GetLayerVersionByArn", "GetLayerVersionPolicy", "GetPolicy",
		"GetProvisionedConcurrencyConfig", "GetRuntimeManagementConfig", "ListAliases", "ListCapacityProviders",
		"ListCodeSigningConfigs", "ListDurableExecutionsByFunction", "ListEventSourceMappings",
		"ListFunctionEventInvokeConfigs", "ListFunctionUrlConfigs", "ListFunctionVersionsByCapacityProvider",
		"ListFunctions", "ListFunctionsByCodeSigningConfig", "ListLayerVersions", "ListLayers",
		"ListProvisionedConcurrencyConfigs", "ListTags", "ListVersionsByFunction")
}

func deployLambda() []string {
	return under("lambda:",
		"AddLayerVersionPermission", "AddPermission", "CreateAlias", "CreateCapacityProvider",
		"CreateEventSourceMapping", "CreateFunction", "CreateFunctionUrlConfig",
		"DeleteAlias", "DeleteCapacityProvider", "DeleteEventSourceMapping",
		"DeleteFunction", "DeleteFunctionEventInvokeConfig",
		"DeleteFunctionUrlConfig", "DeleteLayerVersion", "PublishLayerVersion", "PublishVersion",
		"PutFunctionEventInvokeConfig", "PutFunctionRecursionConfig",
		"PutRuntimeManagementConfig", "RemoveLayerVersionPermission", "RemovePermission", "TagResource",
		"UntagResource", "UpdateCapacityProvider", "UpdateFunctionCode",
		"UpdateFunctionConfiguration", "UpdateFunctionEventInvokeConfig", "UpdateFunctionUrlConfig")
}

func seeStates() []string {
	return under("states:",
		"DescribeActivity", "DescribeExecution", "DescribeMapRun", "DescribeStateMachine",
		"DescribeStateMachineAlias", "DescribeStateMachineForExecution", "GetExecutionHistory", "ListActivities",
		"ListExecutions", "ListMapRuns", "ListStateMachineAliases", "ListStateMachineVersions", "ListStateMachines",
		"ListTagsForResource", "ValidateStateMachineDefinition")
}

func deployStates() []string {
	return under("states:",
		"CreateActivity", "CreateStateMachine", "CreateStateMachineAlias", "DeleteActivity", "DeleteStateMachine",
		"DeleteStateMachineAlias", "DeleteStateMachineVersion", "PublishStateMachineVersion", "TagResource",
		"TestState", "UntagResource", "UpdateStateMachine")
}

// seeS3 looks at buckets and how they are set, not at what is in them.
func seeS3() []string {
	return under("s3:",
		"GetBucketAcl", "GetBucketCORS", "GetBucketLocation", "GetBucketNotification", "GetBucketObjectLockConfiguration",
		"GetBucketOwnershipControls", "GetBucketPolicy", "GetBucketPolicyStatus", "GetBucketTagging",
		"GetBucketVersioning", "GetBucketWebsite", "ListAllMyBuckets")
}

// useS3 reads and writes objects.
func useS3() []string {
	return under("s3:",
		"AbortMultipartUpload", "DeleteObject", "DeleteObjectTagging", "DeleteObjectVersion",
		"DeleteObjectVersionTagging", "GetObject", "GetObjectAcl", "GetObjectAttributes", "GetObjectLegalHold",
		"GetObjectRetention", "GetObjectTagging", "GetObjectVersion", "GetObjectVersionAttributes",
		"GetObjectVersionTagging", "ListBucket", "ListBucketMultipartUploads", "ListBucketVersions",
		"ListMultipartUploadParts", "PutObject", "PutObjectTagging", "PutObjectVersionTagging")
}

// deployS3 makes and sets buckets, and what holds objects fast.
func deployS3() []string {
	return under("s3:",
		"BypassGovernanceRetention", "CreateBucket", "DeleteBucket", "DeleteBucketPolicy", "DeleteBucketWebsite",
		"PutBucketAcl", "PutBucketCORS", "PutBucketNotification", "PutBucketObjectLockConfiguration",
		"PutBucketOwnershipControls", "PutBucketPolicy", "PutBucketTagging", "PutBucketVersioning", "PutBucketWebsite",
		"PutObjectAcl", "PutObjectLegalHold", "PutObjectRetention", "RestoreObject")
}

func under(prefix string, names ...string) []string {
	for i := range names {
		names[i] = prefix + names[i]
	}
	return names
}
