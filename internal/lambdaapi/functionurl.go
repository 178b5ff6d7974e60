package lambdaapi

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

// urlTarget is target for operations on a function's address. $LATEST and no
// qualifier are the same one.
func (c *call) urlTarget(a *API, name, qualifier *string) (target, error) {
	t, err := c.target(a, name, qualifier)
	if t.Qualifier == ebb.Latest {
		t.Qualifier = ""
	}
	return t, err
}

func (a *API) createFunctionURLConfig(c *call, in *CreateFunctionUrlConfigRequest) (*CreateFunctionUrlConfigResponse, error) {
	t, err := c.urlTarget(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	u, err := a.functions.CreateURL(c, function.CreateURL{
		FunctionKey: t.FunctionKey,
		Qualifier:   t.Qualifier,
		AuthType:    deref(in.AuthType),
		InvokeMode:  deref(in.InvokeMode),
		CORS:        readCORS(in.Cors),
	})
	if err != nil {
		return nil, err
	}
	s := a.urlConfig(u)
	return &CreateFunctionUrlConfigResponse{
		FunctionUrl: s.FunctionUrl, FunctionArn: s.FunctionArn, AuthType: s.AuthType,
		Cors: s.Cors, CreationTime: s.CreationTime, InvokeMode: s.InvokeMode,
	}, nil
}

func (a *API) updateFunctionURLConfig(c *call, in *UpdateFunctionUrlConfigRequest) (*UpdateFunctionUrlConfigResponse, error) {
	t, err := c.urlTarget(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	u, err := a.functions.UpdateURL(c, function.UpdateURL{
		FunctionKey: t.FunctionKey,
		Qualifier:   t.Qualifier,
		AuthType:    in.AuthType,
		InvokeMode:  in.InvokeMode,
		CORS:        readCORS(in.Cors),
	})
	if err != nil {
		return nil, err
	}
	return new(UpdateFunctionUrlConfigResponse(*a.getURLConfig(u))), nil
}

func (a *API) getFunctionURLConfig(c *call, in *GetFunctionUrlConfigRequest) (*GetFunctionUrlConfigResponse, error) {
	t, err := c.urlTarget(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	u, err := a.functions.GetURL(c, t.FunctionKey, t.Qualifier)
	if err != nil {
		return nil, err
	}
	return a.getURLConfig(u), nil
}

func (a *API) deleteFunctionURLConfig(c *call, in *DeleteFunctionUrlConfigRequest) (*struct{}, error) {
	t, err := c.urlTarget(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return nil, a.functions.DeleteURL(c, t.FunctionKey, t.Qualifier)
}

func (a *API) listFunctionURLConfigs(c *call, in *ListFunctionUrlConfigsRequest) (*ListFunctionUrlConfigsResponse, error) {
	us, next, err := page(a, c, in.FunctionName, in.Marker, in.MaxItems, a.functions.ListURLs)
	if err != nil {
		return nil, err
	}
	out := &ListFunctionUrlConfigsResponse{FunctionUrlConfigs: make([]FunctionUrlConfig, len(us)), NextMarker: next}
	for i, u := range us {
		out.FunctionUrlConfigs[i] = a.urlConfig(u)
	}
	return out, nil
}

// urlConfig is how the wire shows a function URL.
func (a *API) urlConfig(u *ebb.FunctionURL) FunctionUrlConfig {
	return FunctionUrlConfig{
		FunctionUrl:      new(a.cfg.GatewayURL(u.ID)),
		FunctionArn:      new(ebb.FunctionARN(a.cfg.Region, u.FunctionKey, u.Qualifier)),
		CreationTime:     new(urlTime(u.CreatedAt)),
		LastModifiedTime: new(urlTime(u.LastModified)),
		Cors:             writeCORS(u.CORS),
		AuthType:         &u.AuthType,
		InvokeMode:       &u.InvokeMode,
	}
}

func (a *API) getURLConfig(u *ebb.FunctionURL) *GetFunctionUrlConfigResponse {
	s := a.urlConfig(u)
	return &GetFunctionUrlConfigResponse{
		FunctionUrl: s.FunctionUrl, FunctionArn: s.FunctionArn, AuthType: s.AuthType, Cors: s.Cors,
		CreationTime: s.CreationTime, LastModifiedTime: s.LastModifiedTime, InvokeMode: s.InvokeMode,
	}
}

// urlTime is the form AWS has for function URLs, which is not that of functions.
func urlTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

func readCORS(c *Cors) *ebb.CORS {
	if c == nil {
		return nil
	}
	return &ebb.CORS{
		AllowCredentials: deref(c.AllowCredentials),
		AllowHeaders:     c.AllowHeaders,
		AllowMethods:     c.AllowMethods,
		AllowOrigins:     c.AllowOrigins,
		ExposeHeaders:    c.ExposeHeaders,
		MaxAge:           int(deref(c.MaxAge)),
	}
}

func writeCORS(c *ebb.CORS) *Cors {
	if c == nil {
		return nil
	}
	out := &Cors{
		AllowHeaders: c.AllowHeaders, AllowMethods: c.AllowMethods,
		AllowOrigins: c.AllowOrigins, ExposeHeaders: c.ExposeHeaders,
	}
	if c.AllowCredentials {
		out.AllowCredentials = new(true)
	}
	if c.MaxAge != 0 {
		out.MaxAge = new(int32(c.MaxAge))
	}
	return out
}
