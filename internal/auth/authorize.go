package auth

import (
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Authorize returns nil if p may do action ("lambda:InvokeFunction") to the
// resource, and AccessDeniedException, worded as AWS words it, if not.
//
// The rule: root may do everything; a role may invoke and read the functions of
// its own service; anybody else may do nothing.
func (a *Auth) Authorize(p Principal, action, resourceARN string) error {
	return Authorize(p, action, resourceARN)
}

// Authorize is the rule of (*Auth).Authorize for those who hold no Auth.
func Authorize(p Principal, action, resourceARN string) error {
	switch p.Kind {
	case Root:
		return nil
	case Role:
		if roleMay(action) && ownFunction(resourceARN, p.Service) {
			return nil
		}
	case Anonymous:
	}
	user := p.ARN
	if user == "" {
		user = "anonymous"
	}
	return ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied,
		"User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action",
		user, action, resourceARN, action)
}

func roleMay(action string) bool {
	return action == "lambda:InvokeFunction" || strings.HasPrefix(action, "lambda:GetFunction")
}

// ownFunction reports whether arn is arn:aws:lambda:REGION:service:function:….
func ownFunction(arn string, service ebb.ServiceID) bool {
	part := strings.SplitN(arn, ":", 7)
	return len(part) == 7 && part[0] == "arn" && part[2] == "lambda" &&
		part[4] == string(service) && service != "" &&
		part[5] == "function" && part[6] != ""
}
