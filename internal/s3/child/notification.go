package child

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3api/controllers"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/s3"
)

// notifications answers for the notification configuration of buckets, which
// versitygw does not have: the platform keeps it, as triggers.
type notifications struct {
	gateway *gateway
	who     *iam
	root    middlewares.RootUserConfig
}

// handle answers GET and PUT of /BUCKET?notification, and lets everything else by.
func (n *notifications) handle(c fiber.Ctx) error {
	if !c.Request().URI().QueryArgs().Has("notification") {
		return c.Next()
	}
	utils.ContextKeyRegion.Set(c, n.gateway.boot.Region)
	utils.ContextKeyRootAccessKey.Set(c, n.root.Access)
	utils.ContextKeyAccount.Set(c, auth.Account{})
	utils.ContextKeyIsRoot.Set(c, false)
	return controllers.ProcessHandlers(n.answer, "s3_BucketNotification", &controllers.Services{},
		middlewares.BucketObjectNameValidator(),
		middlewares.VerifyPresignedV4Signature(n.root, n.who, n.gateway.boot.Region, false),
		middlewares.VerifyV4Signature(n.root, n.who, n.gateway.boot.Region, false, true, false),
		middlewares.ParseAcl(n.gateway.buckets))(c)
}

func (n *notifications) answer(c fiber.Ctx) (*controllers.Response, error) {
	acl, _ := utils.ContextKeyParsedAcl.Get(c).(auth.ACL)
	bucket := strings.Clone(c.Params("bucket")) // fiber uses its memory again
	put := c.Method() == http.MethodPut
	action, permission := auth.GetBucketNotificationAction, auth.PermissionRead
	if put {
		action, permission = auth.PutBucketNotificationAction, auth.PermissionWrite
	}
	empty := &controllers.Response{MetaOpts: &controllers.MetaOptions{}}
	if err := auth.VerifyAccess(c, n.gateway.buckets, auth.AccessOptions{
		Acl: acl, AclPermission: permission, Acc: utils.ContextKeyAccount.Get(c).(auth.Account),
		Bucket: bucket, Actions: []auth.Action{action}, DisableACL: true, Iam: n.who,
	}); err != nil {
		return empty, err
	}
	q := s3.Notifications{Service: ebb.ServiceID(acl.Owner), Bucket: bucket, Put: put, XML: string(c.BodyRaw())}
	var a s3.Notifications
	if err := n.gateway.buckets.parent.ask(c.RequestCtx(), s3.PathNotifications, q, &a); err != nil {
		return empty, err
	}
	if a.Code != "" {
		refused := s3err.GetAPIError(s3err.ErrInvalidRequest)
		refused.Code, refused.Description = a.Code, a.Message
		return empty, refused
	}
	if put {
		return empty, nil
	}
	empty.Data = []byte(a.XML)
	contentType := "application/xml"
	empty.Headers = map[string]*string{"Content-Type": &contentType}
	return empty, nil
}
