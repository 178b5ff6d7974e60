package lambdaapi

import (
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

// layerTarget reads a layer's name or ARN and asks whether the caller may do the
// operation to that layer, or to one version of it (0 = to all).
func (c *call) layerTarget(a *API, name *string, number int64) (ebb.LayerKey, error) {
	ref, err := ebb.ParseLayerRef(deref(name))
	if err != nil {
		return ebb.LayerKey{}, err
	}
	if ref.Service == "" {
		ref.Service = serviceOf(c.principal)
	}
	action := "lambda:" + c.op.Name
	if c.op.Name == "GetLayerVersionByArn" {
		action = function.ActionGetLayerVersion
	}
	if err := a.auth.Authorize(c.principal, action, ebb.LayerARN(a.cfg.Region, ref.LayerKey, number)); err != nil {
		return ebb.LayerKey{}, err
	}
	if ref.Region != "" && ref.Region != a.cfg.Region {
		return ebb.LayerKey{}, ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound,
			"Layers from '%s' are not reachable in this region ('%s')", clip(ref.Region), a.cfg.Region)
	}
	return ref.LayerKey, nil
}

func (a *API) publishLayerVersion(c *call, in *PublishLayerVersionRequest) (*PublishLayerVersionResponse, error) {
	key, err := c.layerTarget(a, in.LayerName, 0)
	if err != nil {
		return nil, err
	}
	from, err := object(in.Content.S3Bucket, in.Content.S3Key, in.Content.S3ObjectVersion, "Content.")
	if err != nil {
		return nil, err
	}
	l, err := a.functions.PublishLayer(c, function.PublishLayer{
		LayerKey: key, Zip: in.Content.ZipFile, Object: from,
		Description: deref(in.Description), License: deref(in.LicenseInfo),
		Runtimes: in.CompatibleRuntimes, Architectures: in.CompatibleArchitectures,
	})
	if err != nil {
		return nil, err
	}
	out, err := a.layerVersion(c, l)
	return (*PublishLayerVersionResponse)(out), err
}

func (a *API) getLayerVersion(c *call, in *GetLayerVersionRequest) (*GetLayerVersionResponse, error) {
	number := deref(in.VersionNumber)
	key, err := c.layerTarget(a, in.LayerName, number)
	if err != nil {
		return nil, err
	}
	l, err := a.functions.LayerVersion(c, key, number)
	if err != nil {
		return nil, err
	}
	return a.layerVersion(c, l)
}

func (a *API) getLayerVersionByArn(c *call, in *GetLayerVersionByArnRequest) (*GetLayerVersionResponse, error) {
	ref, err := ebb.ParseLayerRef(deref(in.Arn))
	if err != nil {
		return nil, err
	}
	return a.getLayerVersion(c, &GetLayerVersionRequest{LayerName: new(ebb.LayerOf(deref(in.Arn))), VersionNumber: &ref.Number})
}

func (a *API) listLayerVersions(c *call, in *ListLayerVersionsRequest) (*ListLayerVersionsResponse, error) {
	key, err := c.layerTarget(a, in.LayerName, 0)
	if err != nil {
		return nil, err
	}
	marker, err := readMarker(in.Marker)
	if err != nil {
		return nil, err
	}
	filter := function.LayerFilter{Runtime: deref(in.CompatibleRuntime), Architecture: deref(in.CompatibleArchitecture)}
	ls, next, err := a.functions.ListLayerVersions(c, key, filter, marker, int(deref(in.MaxItems)))
	if err != nil {
		return nil, err
	}
	out := &ListLayerVersionsResponse{LayerVersions: make([]LayerVersionsListItem, len(ls)), NextMarker: writeMarker(next)}
	for i, l := range ls {
		out.LayerVersions[i] = a.layerItem(l)
	}
	return out, nil
}

func (a *API) listLayers(c *call, in *ListLayersRequest) (*ListLayersResponse, error) {
	if err := a.auth.Authorize(c.principal, "lambda:ListLayers", "*"); err != nil {
		return nil, err
	}
	marker, err := readMarker(in.Marker)
	if err != nil {
		return nil, err
	}
	filter := function.LayerFilter{Runtime: deref(in.CompatibleRuntime), Architecture: deref(in.CompatibleArchitecture)}
	ls, next, err := a.functions.ListLayers(c, serviceOf(c.principal), filter, marker, int(deref(in.MaxItems)))
	if err != nil {
		return nil, err
	}
	out := &ListLayersResponse{Layers: make([]LayersListItem, len(ls)), NextMarker: writeMarker(next)}
	for i, l := range ls {
		out.Layers[i] = LayersListItem{
			LayerName: &l.Name, LayerArn: new(ebb.LayerARN(a.cfg.Region, l.LayerKey, 0)), LatestMatchingVersion: new(a.layerItem(l))}
	}
	return out, nil
}

func (a *API) deleteLayerVersion(c *call, in *DeleteLayerVersionRequest) (*struct{}, error) {
	number := deref(in.VersionNumber)
	key, err := c.layerTarget(a, in.LayerName, number)
	if err != nil {
		return nil, err
	}
	return nil, a.functions.DeleteLayerVersion(c, key, number)
}

func (a *API) addLayerVersionPermission(c *call, in *AddLayerVersionPermissionRequest) (*AddLayerVersionPermissionResponse, error) {
	number := deref(in.VersionNumber)
	key, err := c.layerTarget(a, in.LayerName, number)
	if err != nil {
		return nil, err
	}
	statement, revision, err := a.functions.AddLayerPermission(c, key, number, ebb.Permission{
		ID: deref(in.StatementId), Action: deref(in.Action), Principal: deref(in.Principal), OrgID: deref(in.OrganizationId),
	}, deref(in.RevisionId))
	if err != nil {
		return nil, err
	}
	return &AddLayerVersionPermissionResponse{Statement: &statement, RevisionId: &revision}, nil
}

func (a *API) removeLayerVersionPermission(c *call, in *RemoveLayerVersionPermissionRequest) (*struct{}, error) {
	number := deref(in.VersionNumber)
	key, err := c.layerTarget(a, in.LayerName, number)
	if err != nil {
		return nil, err
	}
	return nil, a.functions.RemoveLayerPermission(c, key, number, deref(in.StatementId), deref(in.RevisionId))
}

func (a *API) getLayerVersionPolicy(c *call, in *GetLayerVersionPolicyRequest) (*GetLayerVersionPolicyResponse, error) {
	number := deref(in.VersionNumber)
	key, err := c.layerTarget(a, in.LayerName, number)
	if err != nil {
		return nil, err
	}
	p, err := a.functions.LayerPolicy(c, key, number)
	if err != nil {
		return nil, err
	}
	doc := function.RenderPolicy(p, ebb.LayerARN(a.cfg.Region, key, number))
	return &GetLayerVersionPolicyResponse{Policy: &doc, RevisionId: &p.RevisionID}, nil
}

// layerVersion is how the wire shows a layer version.
func (a *API) layerVersion(c *call, l *ebb.LayerVersion) (*GetLayerVersionResponse, error) {
	location, err := a.location(c, l.Code.Digest)
	if err != nil {
		return nil, err
	}
	return &GetLayerVersionResponse{
		Content: &LayerVersionContentOutput{
			Location: &location, CodeSha256: new(codeSHA256(l.Code.Digest)), CodeSize: &l.Code.Size},
		LayerArn:                new(ebb.LayerARN(a.cfg.Region, l.LayerKey, 0)),
		LayerVersionArn:         new(ebb.LayerARN(a.cfg.Region, l.LayerKey, l.Number)),
		Description:             &l.Description,
		CreatedDate:             new(lastModified(l.CreatedAt)),
		Version:                 &l.Number,
		CompatibleRuntimes:      l.Runtimes,
		LicenseInfo:             some(l.License),
		CompatibleArchitectures: l.Architectures,
	}, nil
}

// layerItem is how lists show a layer version.
func (a *API) layerItem(l *ebb.LayerVersion) LayerVersionsListItem {
	return LayerVersionsListItem{
		LayerVersionArn:         new(ebb.LayerARN(a.cfg.Region, l.LayerKey, l.Number)),
		Version:                 &l.Number,
		Description:             &l.Description,
		CreatedDate:             new(lastModified(l.CreatedAt)),
		CompatibleRuntimes:      l.Runtimes,
		LicenseInfo:             some(l.License),
		CompatibleArchitectures: l.Architectures,
	}
}

// some is nil of an empty text.
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// object reads where a package is in the object store; nil if it is not there.
// under is what stands before the names of the request's members.
func object(bucket, key, version *string, under string) (*function.Object, error) {
	switch {
	case bucket == nil && key == nil && version == nil:
		return nil, nil
	case deref(bucket) == "":
		return nil, invalid("%sS3Bucket: missing; S3Key and S3ObjectVersion are of an object in a bucket", under)
	case deref(key) == "":
		return nil, invalid("%sS3Key: missing; it names the object in S3Bucket", under)
	}
	return &function.Object{Bucket: *bucket, Key: *key, Version: deref(version)}, nil
}
