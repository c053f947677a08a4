package kafkatest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/emostream/emostream/internal/proof/process"
)

// libsVariable is the variable that names the folder of Kafka's jars, for machines that
// have them already.
const libsVariable = "EMOSTREAM_TEST_KAFKA_LIBS"

// pom tells Maven what to fetch.
//
//go:embed pom.xml
var pom []byte

var javaVersion = regexp.MustCompile(`version "(\d+)`)

// findJava returns the path of a Java that can run Kafka: the one in $JAVA_HOME if that
// is set, else the one on the path.
func findJava(ctx context.Context) (string, error) {
	const minVersion = 17
	const hint = "Apache Kafka runs on Java 17 or newer (Debian: apt install openjdk-17-jre-headless; " +
		"macOS: brew install openjdk@17, and set JAVA_HOME to what brew --prefix openjdk@17 prints)"
	name := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		name = filepath.Join(home, "bin", "java")
	}
	java, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, hint)
	}
	// It must be run: macOS has a java program that only says that there is no Java.
	out, err := exec.CommandContext(ctx, java, "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s -version: %w: %s\n%s", java, err, hint, out)
	}
	match := javaVersion.FindSubmatch(out)
	if match == nil {
		return java, nil // an unusual Java: it will say itself what it lacks
	}
	if version, err := strconv.Atoi(string(match[1])); err != nil || version < minVersion {
		return "", fmt.Errorf("%s is version %s: %s", java, match[1], hint)
	}
	return java, nil
}

// findLibs returns the folder of Kafka's jars. It fetches them if they are not there
// yet.
func findLibs(ctx context.Context) (string, error) {
	dir := os.Getenv(libsVariable)
	if dir == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(root, ".cache", "kafka-"+Version)
	}
	if complete(dir) {
		return dir, nil
	}
	if err := fetch(ctx, dir); err != nil {
		return "", fmt.Errorf("fetch Apache Kafka %s into %s: %w", Version, dir, err)
	}
	return dir, nil
}

// complete returns whether a folder holds this version's jars. It looks for one of them
// only: a folder gets its name after Maven has put all jars into it.
func complete(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "kafka_2.13-"+Version+".jar"))
	return err == nil
}

// fetch lets Maven copy the jars into a folder beside dir, and then renames that folder
// to dir. Two processes may do this at once; the second one then uses the folder of the
// first.
func fetch(ctx context.Context, dir string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("%w: Maven fetches the jars (Debian: apt install maven; macOS: brew install maven), "+
			"or set %s to a folder that holds them", err, libsVariable)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "kafka-fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := os.WriteFile(filepath.Join(temp, "pom.xml"), pom, 0o644); err != nil {
		return err
	}
	libs := filepath.Join(temp, "libs")
	cmd := exec.CommandContext(ctx, mvn, "--batch-mode", "--quiet", "--no-transfer-progress", "--file",
		filepath.Join(temp, "pom.xml"), "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+libs)
	if out, err := process.Output(cmd); err != nil {
		return fmt.Errorf("mvn: %w\n%s", err, out)
	}
	if err := os.Rename(libs, dir); err != nil && !complete(dir) {
		return err
	}
	return nil
}

// moduleRoot returns the nearest folder, from the working directory upwards, that holds
// a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory: set " + libsVariable + " to a folder for Kafka's jars")
		}
		dir = parent
	}
}
