package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/test/platform"
)

// javaClass compiles a class for Java 8, the oldest that runs here.
func javaClass(t *testing.T, name, source string) string {
	t.Helper()
	javac, dir := hosttest.Program(t, "javac"), t.TempDir()
	writeFile(t, filepath.Join(dir, name+".java"), source)
	if out, err := exec.CommandContext(t.Context(), javac, "--release", "8", "-Xlint:-options", "-d", dir, filepath.Join(dir, name+".java")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	class, err := os.ReadFile(filepath.Join(dir, name+".class"))
	if err != nil {
		t.Fatal(err)
	}
	return string(class)
}

const javaTeller = `
import java.io.*;
import java.nio.file.*;
import java.util.*;
public class Teller {
    public Map<String, Object> handle(Object event) throws Exception {
        Map<String, Object> said = new TreeMap<>();
        said.put("Heap", Runtime.getRuntime().maxMemory() >> 20);
        said.put("Mine", System.getenv("MINE") + System.getenv().get("MINE"));
        Process child = new ProcessBuilder("/bin/sh", "-c", "echo $MINE").start();
        said.put("Child", new BufferedReader(new InputStreamReader(child.getInputStream())).readLine());
        boolean archive = false;
        for (String line : Files.readAllLines(Paths.get("/proc/self/maps"))) archive |= line.endsWith("/classes.jsa");
        said.put("Archive", archive);
        return said;
    }
}`

// TestJavaProcess: the heap follows the memory of each function, the environment is
// everybody's in the process, and what the JVM starts with is the archive of classes
// that the platform has made.
func TestJavaProcess(t *testing.T) {
	t.Parallel()
	needsBoxes(t)
	class := javaClass(t, "Teller", javaTeller)
	type told struct {
		Heap        int
		Mine, Child string
		Archive     bool
	}
	for memory, heap := range map[int32]int{256: 192, 512: 434, 1024: 870} {
		t.Run(fmt.Sprint(memory), func(t *testing.T) {
			t.Parallel()
			f := platform.Function{Runtime: "java", Handler: "Teller::handle", MemoryMB: memory, TimeoutS: 60,
				Env: map[string]string{"MINE": "it's mine"}, Files: map[string]string{"Teller.class": class}}
			f.Name = deploy(t, f)
			round := 0
			eventually(t, func() error {
				got := decode[told](t, invoke(t, shared, f.Name, "{}"))
				// A collector does not count one of its two survivor spaces.
				if got.Heap > heap || got.Heap < heap*9/10 || got.Mine != "it's mineit's mine" || got.Child != "it's mine" {
					t.Fatalf("%+v, want a heap of %d", got, heap)
				}
				if got.Archive {
					return nil
				}
				// It is made after the first deploy: an instance that comes later has it.
				round++
				_, err := shared.Lambda().UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &f.Name,
					Environment: &types.Environment{Variables: map[string]string{"MINE": "it's mine", "ROUND": fmt.Sprint(round)}}})
				if err != nil {
					t.Fatal(err)
				}
				<-time.After(200 * time.Millisecond) // what is waited for happens in another process
				return fmt.Errorf("%+v", got)
			})
		})
	}
}

// TestJavaPackages: a jar is a package, and so is a zip with the class at its root
// and jars in lib/; a handler is named by its class or by its method.
func TestJavaPackages(t *testing.T) {
	t.Parallel()
	javac, jar, dir := hosttest.Program(t, "javac"), hosttest.Program(t, "jar"), t.TempDir()
	run := func(program string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", program, err, out)
		}
	}
	writeFile(t, filepath.Join(dir, "lib/bank/Rate.java"), "package bank;\npublic class Rate { public static double of(String s) { return s.length() * 1.5; } }\n")
	writeFile(t, filepath.Join(dir, "app/shop/Price.java"), `package shop;
import java.util.*;
public class Price {
    public static class Item { private String name; public String getName() { return name; } public void setName(String n) { name = n; } }
    public double of(Item item) { return bank.Rate.of(item.getName()); }
    public List<Integer> handleRequest(List<Integer> all) { Collections.reverse(all); return all; }
}
`)
	run(javac, "--release", "8", "-Xlint:-options", "-d", "libout", "lib/bank/Rate.java")
	run(javac, "--release", "8", "-Xlint:-options", "-cp", "libout", "-d", "appout", "app/shop/Price.java")
	run(jar, "cf", "rate.jar", "-C", "libout", ".")
	run(jar, "cf", "whole.jar", "-C", "libout", ".", "-C", "appout", ".")
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	zip, err := platform.Zip(map[string]string{"shop/Price.class": string(read("appout/shop/Price.class")),
		"shop/Price$Item.class": string(read("appout/shop/Price$Item.class")), "lib/rate.jar": string(read("rate.jar"))})
	if err != nil {
		t.Fatal(err)
	}
	f := name(t)
	_, err = shared.Lambda().CreateFunction(t.Context(), &lambda.CreateFunctionInput{FunctionName: &f, Role: new(platform.Role),
		Runtime: "java", Handler: new("shop.Price::of"), MemorySize: new(int32(256)), Timeout: new(int32(60)), Code: &types.FunctionCode{ZipFile: read("whole.jar")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range [][]byte{nil, zip} {
		if code != nil {
			if _, err := shared.Lambda().UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &f, ZipFile: code}); err != nil {
				t.Fatal(err)
			}
		}
		for handler, c := range map[string][2]string{"shop.Price::of": {`{"name":"four"}`, "6.0"}, "shop.Price": {"[1,2,3]", "[3,2,1]"}} {
			_, err := shared.Lambda().UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &f, Handler: &handler})
			if err != nil {
				t.Fatal(err)
			}
			if got := invoke(t, shared, f, c[0]); got != c[1] {
				t.Errorf("%s: %s", handler, got)
			}
		}
	}
}
