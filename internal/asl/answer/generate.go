package answer

//go:generate go run ../../awsgen -answers lambda/2015-03-31,stepfunctions/2016-11-23,events/2015-10-07,scheduler/2021-06-30,s3/2006-03-01,sts/2011-06-15,dynamodb/2012-08-10,sqs/2012-11-05,sns/2010-03-31,secretsmanager/2017-10-17,kms/2014-11-01,ecs/2014-11-13,batch/2016-08-10,athena/2017-05-18,codebuild/2016-10-06,bedrock-runtime/2023-09-30
