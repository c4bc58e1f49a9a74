package main

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestThePageAgrees: docs/deploying.md shows the files of this folder.
func TestThePageAgrees(t *testing.T) {
	t.Parallel()
	page := read(t, "../../docs/deploying.md")
	for file, language := range map[string]string{"kubernetes.yaml": "yaml", "bot.service": "ini", "Dockerfile": "dockerfile"} {
		if block := "```" + language + "\n" + read(t, file) + "```\n"; !strings.Contains(page, block) {
			t.Errorf("docs/deploying.md does not show %s as it is", file)
		}
	}
}

// TestUnitFitsTheProgram: what systemd is told of the program is so.
func TestUnitFitsTheProgram(t *testing.T) {
	t.Parallel()
	settings := make(map[string]string)
	for row := range strings.Lines(read(t, "bot.service")) {
		if name, value, found := strings.Cut(strings.TrimSpace(row), "="); found && !strings.HasPrefix(name, "#") {
			settings[name] = value
		}
	}
	if n, err := strconv.Atoi(settings["TimeoutStopSec"]); err != nil || time.Duration(n)*time.Second <= grace {
		t.Errorf("TimeoutStopSec=%s: the program takes up to %v to end", settings["TimeoutStopSec"], grace)
	}
	program := read(t, "main.go") + read(t, "notify.go")
	for name, want := range map[string]string{
		"Type":                     "notify",       // the program tells READY=1
		"TimeoutStartSec":          "infinity",     // and that may take hours, of many shards
		"RestartPreventExitStatus": "78",           // exitConfig
		"Restart":                  "on-failure",   // 0 is an end that was asked for
		"StateDirectory":           "bot",          // $STATE_DIRECTORY
		"EnvironmentFile":          "/etc/bot.env", // $DISCORD_TOKEN
	} {
		if settings[name] != want {
			t.Errorf("%s=%s, want %s", name, settings[name], want)
		}
	}
	for _, variable := range []string{"NOTIFY_SOCKET", "STATE_DIRECTORY", "DISCORD_TOKEN"} {
		if !strings.Contains(program, strconv.Quote(variable)) {
			t.Errorf("the program does not read $%s", variable)
		}
	}
	if exitConfig != 78 {
		t.Errorf("the exit code of what must be mended is %d", exitConfig)
	}
}

// TestManifestFitsTheProgram: what Kubernetes is told of the program is so.
func TestManifestFitsTheProgram(t *testing.T) {
	t.Parallel()
	type mount struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	}
	type port struct {
		Path string
		Port int
	}
	var manifest struct {
		Kind string
		Spec struct {
			Replicas int
			Template struct {
				Spec struct {
					TerminationGracePeriodSeconds int `yaml:"terminationGracePeriodSeconds"`
					Containers                    []struct {
						Env []struct {
							Name, Value string
							ValueFrom   any `yaml:"valueFrom"`
						}
						ReadinessProbe struct {
							HTTPGet port `yaml:"httpGet"`
						} `yaml:"readinessProbe"`
						LivenessProbe struct {
							HTTPGet port `yaml:"httpGet"`
						} `yaml:"livenessProbe"`
						VolumeMounts []mount `yaml:"volumeMounts"`
					}
				}
			}
			VolumeClaimTemplates []struct{ Metadata struct{ Name string } } `yaml:"volumeClaimTemplates"`
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "kubernetes.yaml")), &manifest); err != nil {
		t.Fatal(err)
	}
	pod := manifest.Spec.Template.Spec
	if manifest.Kind != "StatefulSet" || manifest.Spec.Replicas != 1 || len(pod.Containers) != 1 {
		t.Fatalf("a %s of %d replicas with %d containers: two processes would run the same shards", manifest.Kind, manifest.Spec.Replicas, len(pod.Containers))
	}
	if given := time.Duration(pod.TerminationGracePeriodSeconds) * time.Second; given <= grace {
		t.Errorf("terminationGracePeriodSeconds is %v: the program takes up to %v to end", given, grace)
	}
	bot := pod.Containers[0]
	if ready, live := bot.ReadinessProbe.HTTPGet, bot.LivenessProbe.HTTPGet; ready != (port{"/readyz", 8081}) || live != (port{"/livez", 8081}) {
		t.Errorf("the probes are %+v and %+v", ready, live)
	}
	env := make(map[string]string)
	for _, v := range bot.Env {
		env[v.Name] = v.Value
	}
	if env["PROBE_ADDR"] != ":8081" {
		t.Errorf("PROBE_ADDR is %q, and the probe asks port 8081", env["PROBE_ADDR"])
	}
	program := read(t, "main.go")
	for name := range env {
		if !strings.Contains(program, strconv.Quote(name)) {
			t.Errorf("the program does not read $%s", name)
		}
	}
	if i := slices.IndexFunc(bot.VolumeMounts, func(m mount) bool { return m.MountPath == env["STATE_DIRECTORY"] }); i < 0 || len(manifest.Spec.VolumeClaimTemplates) != 1 || manifest.Spec.VolumeClaimTemplates[0].Metadata.Name != bot.VolumeMounts[i].Name {
		t.Errorf("STATE_DIRECTORY, %q, is no folder that outlives the pod", env["STATE_DIRECTORY"])
	}
	if !regexp.MustCompile(`(?m)^ENTRYPOINT \["/`).MatchString(read(t, "Dockerfile")) {
		t.Error("the Dockerfile's ENTRYPOINT is no list: SIGTERM would reach a shell")
	}
}
