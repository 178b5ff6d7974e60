package eventsapi

//go:generate go run ../awsgen -service events/2015-10-07 -package eventsapi -operations PutEvents,TestEventPattern
