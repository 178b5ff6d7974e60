package statesapi

import (
	"maps"
	"slices"
)

func tagMap(tags []Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[deref(t.Key)] = deref(t.Value)
	}
	return m
}

func (a *API) tagResource(c *call, in *TagResourceInput) (*TagResourceOutput, error) {
	r, err := a.resource(c, in.ResourceArn, "stateMachine", "activity")
	if err != nil {
		return nil, err
	}
	return nil, a.engine.EditTags(c, r, func(have map[string]string) {
		for _, t := range in.Tags {
			have[deref(t.Key)] = deref(t.Value)
		}
	})
}

func (a *API) untagResource(c *call, in *UntagResourceInput) (*UntagResourceOutput, error) {
	r, err := a.resource(c, in.ResourceArn, "stateMachine", "activity")
	if err != nil {
		return nil, err
	}
	return nil, a.engine.EditTags(c, r, func(have map[string]string) {
		for _, k := range in.TagKeys {
			delete(have, k)
		}
	})
}

func (a *API) listTagsForResource(c *call, in *ListTagsForResourceInput) (*ListTagsForResourceOutput, error) {
	r, err := a.resource(c, in.ResourceArn, "stateMachine", "activity")
	if err != nil {
		return nil, err
	}
	tags, err := a.engine.Tags(c, r)
	if err != nil {
		return nil, err
	}
	out := &ListTagsForResourceOutput{Tags: []Tag{}}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out.Tags = append(out.Tags, Tag{Key: new(k), Value: new(tags[k])})
	}
	return out, nil
}
