package ebb

import (
	"strings"
	"testing"
)

func TestParseMounts(t *testing.T) {
	list, err := ParseMounts("reports:/mnt/out:rw, rates:/mnt/rates.d\nold:/mnt/old:ro")
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	for i, want := range []MountRequest{
		{Name: "reports", Path: "/mnt/out", Writable: true}, {Name: "rates", Path: "/mnt/rates.d"}, {Name: "old", Path: "/mnt/old"},
	} {
		if list[i] != want {
			t.Errorf("%d is %+v", i, list[i])
		}
	}
	for text, why := range map[string]string{
		"a": "NAME:", "a:/mnt/x:wr": "NAME:", "A:/mnt/x": "name", "a:/tmp/x": "/mnt/", "a:/mnt/x/y": "/mnt/", "a:/mnt/..": "/mnt/",
		"a:/mnt/.": "/mnt/", "a:/mnt/x,a:/mnt/y": "twice", "a:/mnt/x,b:/mnt/x": "twice",
		"a:/mnt/a,b:/mnt/b,c:/mnt/c,d:/mnt/d,e:/mnt/e,f:/mnt/f": "6 mounts",
	} {
		if _, err := ParseMounts(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", text, err, why)
		}
	}
	v := Version{Env: map[string]string{EnvMounts: "a:/mnt/a"}}
	if len(v.Mounts()) != 1 {
		t.Error("the setting is not read")
	}
	v.FileSystems = []FileSystem{{ARN: point, Path: "/mnt/b"}}
	if all := v.Mounts(); len(all) != 2 || all[1] != (MountRequest{AccessPoint: point, Path: "/mnt/b"}) {
		t.Errorf("with an access point: %+v", all)
	}
	v.FileSystems = nil
	v.Env[EnvMounts] = "?"
	if v.Mounts() != nil {
		t.Error("a wrong setting is taken for a right one")
	}
}

const point = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0"

func TestCheckFileSystems(t *testing.T) {
	others := []MountRequest{{Name: "a", Path: "/mnt/a"}}
	if err := CheckFileSystems([]FileSystem{{point, "/mnt/b"}}, others); err != nil {
		t.Error(err)
	}
	for why, list := range map[string][]FileSystem{
		"FileSystemConfigs[0].Arn: ":                  {{"arn:aws:elasticfilesystem:us-east-1:000000000000:file-system/fs-01234567", "/mnt/b"}},
		"FileSystemConfigs[1].LocalMountPath: \"/b\"": {{point, "/mnt/b"}, {point, "/b"}},
		"/mnt/a is there twice":                       {{point, "/mnt/a"}},
		"6 folders, more than 5":                      {{point, "/mnt/b"}, {point, "/mnt/c"}, {point, "/mnt/d"}, {point, "/mnt/e"}, {point, "/mnt/f"}},
		"[0].LocalMountPath: \"/mnt/..\" is not":      {{point, "/mnt/.."}},
	} {
		if err := CheckFileSystems(list, others); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want %q", err, why)
		}
	}
}

func TestMountOffer(t *testing.T) {
	good := MountOffer{Name: "a", Source: "/srv/a", Owner: "1000:100", Functions: []string{"*"}}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for why, change := range map[string]func(*MountOffer){
		"name": func(o *MountOffer) { o.Name = "" }, "source": func(o *MountOffer) { o.Source = "a/b" },
		"whole": func(o *MountOffer) { o.Source = "/" }, "owner": func(o *MountOffer) { o.Owner = "alice" },
		"accessPoint": func(o *MountOffer) { o.AccessPoint = "fsap-1" },
		"not root":    func(o *MountOffer) { o.Owner = "1:0" }, "functions": func(o *MountOffer) { o.Functions = nil },
	} {
		o := good
		change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", why, err)
		}
	}
	key := FunctionKey{Service: "123456789012", Name: "report"}
	for pattern, yes := range map[string]bool{"*": true, "report": true, "other": false, "123456789012/*": true,
		"123456789012/report": true, "*/report": true, "000000000000/report": false} {
		if o := (MountOffer{Functions: []string{pattern}}); o.OfferedTo(key) != yes {
			t.Errorf("%s: %t", pattern, !yes)
		}
	}
}

func TestCPUQuota(t *testing.T) {
	for text, want := range map[string]int{"": 0, "x": 0, "0": 0, "NaN": 0, "-1": 0, "300": 0, "0.5": 500, "2": 2000, "lambda": 72} {
		v := Version{MemoryMB: 128, Env: map[string]string{EnvCPUQuota: text}}
		if got := v.CPUQuota(); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}
