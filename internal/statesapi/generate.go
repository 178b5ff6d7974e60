package statesapi

// The model's limit on names is that of AWS; what characters they may have is
// checked by package workflow, which words it as AWS does.

//go:generate go run ../awsgen -service stepfunctions/2016-11-23 -package statesapi -free TraceHeader -operations CreateActivity,CreateStateMachine,CreateStateMachineAlias,DeleteActivity,DeleteStateMachine,DeleteStateMachineAlias,DeleteStateMachineVersion,DescribeActivity,DescribeExecution,DescribeMapRun,DescribeStateMachine,DescribeStateMachineAlias,DescribeStateMachineForExecution,GetActivityTask,GetExecutionHistory,ListActivities,ListExecutions,ListMapRuns,ListStateMachineAliases,ListStateMachineVersions,ListStateMachines,ListTagsForResource,PublishStateMachineVersion,RedriveExecution,SendTaskFailure,SendTaskHeartbeat,SendTaskSuccess,StartExecution,StartSyncExecution,StopExecution,TagResource,TestState,UntagResource,UpdateMapRun,UpdateStateMachine,UpdateStateMachineAlias,ValidateStateMachineDefinition
