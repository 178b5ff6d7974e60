package oci

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// hostOS is what images are made for, whatever ebb itself runs on.
const hostOS = "linux"

// maxNesting is how deep lists of images may lie in each other: a layout holds
// one, whose entry may be the list of an image's platforms.
const maxNesting = 3

// checkPlatform refuses an image that this host cannot run. One that does not
// say what it is for gets the benefit of the doubt.
func checkPlatform(uri string, c *v1.ConfigFile) error {
	if (c.OS == "" || c.OS == hostOS) && (c.Architecture == "" || c.Architecture == runtime.GOARCH) {
		return nil
	}
	return refuse(uri, "it is for %s/%s; this host runs %s/%s", c.OS, c.Architecture, hostOS, runtime.GOARCH)
}

// choose returns the image of a list that this host can run.
func choose(uri string, list v1.ImageIndex, depth int) (v1.Image, error) {
	if depth > maxNesting {
		return nil, refuse(uri, "its lists of images lie too deep in each other")
	}
	m, err := list.IndexManifest()
	if err != nil {
		return nil, err
	}
	var offered []string
	entries := slices.Clone(m.Manifests)
	slices.SortStableFunc(entries, func(a, b v1.Descriptor) int { return variant(a) - variant(b) })
	for _, d := range entries {
		p := d.Platform
		if p != nil && (p.OS != hostOS || p.Architecture != runtime.GOARCH) {
			if p.OS != "unknown" { // that are attestations
				offered = append(offered, p.OS+"/"+p.Architecture)
			}
			continue
		}
		switch {
		case d.MediaType.IsIndex():
			inner, err := list.ImageIndex(d.Digest)
			if err != nil {
				return nil, err
			}
			return choose(uri, inner, depth+1)
		case d.MediaType.IsImage() || d.MediaType == types.MediaType(""):
			return list.Image(d.Digest)
		}
	}
	if len(offered) == 0 {
		return nil, refuse(uri, "there is no image in it")
	}
	slices.Sort(offered)
	return nil, refuse(uri, "it is for %s; this host runs %s/%s",
		strings.Join(slices.Compact(offered), ", "), hostOS, runtime.GOARCH)
}

// variant puts what every processor of an architecture runs before what only
// some do.
func variant(d v1.Descriptor) int {
	if d.Platform == nil {
		return 0
	}
	switch d.Platform.Variant {
	case "", "v1", "v8":
		return 0
	}
	return 1
}

// only is the single image or list of a layout without a tag.
func only(uri string, m *v1.IndexManifest) error {
	named := 0
	for _, d := range m.Manifests {
		if d.Platform == nil {
			named++
		}
	}
	if named > 1 {
		return refuse(uri, "it holds %d images: name one, %s", named, tagHint(m))
	}
	return nil
}

func tagHint(m *v1.IndexManifest) string {
	var tags []string
	for _, d := range m.Manifests {
		if t := d.Annotations[refName]; t != "" {
			tags = append(tags, t)
		}
	}
	if len(tags) == 0 {
		return "by @sha256:DIGEST"
	}
	return fmt.Sprintf("of %s", strings.Join(tags, ", "))
}
