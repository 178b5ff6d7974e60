package lambdaapi

import (
	"strconv"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

func (a *API) createAlias(c *call, in *CreateAliasRequest) (*AliasConfiguration, error) {
	t, err := c.unqualified(a, in.FunctionName)
	if err != nil {
		return nil, err
	}
	version, err := aliasVersion(in.FunctionVersion)
	if err != nil {
		return nil, err
	}
	routing, err := readRouting(in.RoutingConfig)
	if err != nil {
		return nil, err
	}
	alias, err := a.functions.CreateAlias(c, function.CreateAlias{
		FunctionKey: t.FunctionKey, Alias: deref(in.Name), Version: deref(version),
		Description: deref(in.Description), Routing: deref(routing),
	})
	if err != nil {
		return nil, err
	}
	return a.aliasConfiguration(alias), nil
}

func (a *API) getAlias(c *call, in *GetAliasRequest) (*AliasConfiguration, error) {
	t, err := c.unqualified(a, in.FunctionName)
	if err != nil {
		return nil, err
	}
	alias, err := a.functions.GetAlias(c, t.FunctionKey, deref(in.Name))
	if err != nil {
		return nil, err
	}
	return a.aliasConfiguration(alias), nil
}

func (a *API) updateAlias(c *call, in *UpdateAliasRequest) (*AliasConfiguration, error) {
	t, err := c.unqualified(a, in.FunctionName)
	if err != nil {
		return nil, err
	}
	version, err := aliasVersion(in.FunctionVersion)
	if err != nil {
		return nil, err
	}
	routing, err := readRouting(in.RoutingConfig)
	if err != nil {
		return nil, err
	}
	alias, err := a.functions.UpdateAlias(c, function.UpdateAlias{
		FunctionKey: t.FunctionKey, Alias: deref(in.Name), Version: version,
		Description: in.Description, Routing: routing, RevisionID: deref(in.RevisionId),
	})
	if err != nil {
		return nil, err
	}
	return a.aliasConfiguration(alias), nil
}

func (a *API) deleteAlias(c *call, in *DeleteAliasRequest) (*struct{}, error) {
	t, err := c.unqualified(a, in.FunctionName)
	if err != nil {
		return nil, err
	}
	return nil, a.functions.DeleteAlias(c, t.FunctionKey, deref(in.Name))
}

func (a *API) listAliases(c *call, in *ListAliasesRequest) (*ListAliasesResponse, error) {
	t, err := c.unqualified(a, in.FunctionName)
	if err != nil {
		return nil, err
	}
	version, err := aliasVersion(in.FunctionVersion)
	if err != nil {
		return nil, err
	}
	marker, err := readMarker(in.Marker)
	if err != nil {
		return nil, err
	}
	as, next, err := a.functions.ListAliases(c, t.FunctionKey, version, marker, int(deref(in.MaxItems)))
	if err != nil {
		return nil, err
	}
	out := &ListAliasesResponse{Aliases: make([]AliasConfiguration, len(as)), NextMarker: writeMarker(next)}
	for i, alias := range as {
		out.Aliases[i] = *a.aliasConfiguration(alias)
	}
	return out, nil
}

// aliasConfiguration is how the wire shows an alias.
func (a *API) aliasConfiguration(alias *ebb.Alias) *AliasConfiguration {
	out := &AliasConfiguration{
		AliasArn:        new(ebb.FunctionARN(a.cfg.Region, alias.FunctionKey, alias.Alias)),
		Name:            &alias.Alias,
		FunctionVersion: new(ebb.VersionQualifier(alias.Version)),
		Description:     &alias.Description,
		RevisionId:      &alias.RevisionID,
	}
	if alias.Canary != 0 {
		out.RoutingConfig = &AliasRoutingConfiguration{
			AdditionalVersionWeights: map[string]float64{ebb.VersionQualifier(alias.Canary): alias.Weight}}
	}
	return out
}

// aliasVersion reads the version that an alias is to lead to.
func aliasVersion(s *string) (*int64, error) {
	if s == nil {
		return nil, nil
	}
	n, ok := ebb.ParseVersion(*s)
	if !ok {
		return nil, invalid("FunctionVersion: %q is neither a version number nor $LATEST", clip(*s))
	}
	return &n, nil
}

// readRouting is nil when the request does not speak of it; no weights take the
// second version away.
func readRouting(r *AliasRoutingConfiguration) (*function.Routing, error) {
	if r == nil {
		return nil, nil
	}
	if len(r.AdditionalVersionWeights) > 1 {
		return nil, invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
	}
	out := new(function.Routing)
	for version, weight := range r.AdditionalVersionWeights {
		n, err := strconv.ParseInt(version, 10, 64)
		if err != nil || n < 1 {
			return nil, invalid("RoutingConfig.AdditionalVersionWeights: %q is not the number of a published version", clip(version))
		}
		out.Version, out.Weight = n, weight
	}
	return out, nil
}
