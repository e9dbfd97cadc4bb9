package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	compose "github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

const deploy = "../../deploy/"

// The compose files are read by Docker Compose's own parser, which holds them to
// its schema.
func TestCompose(t *testing.T) {
	env := []string{"PINGR_IMAGE=pingr:1.2.3", "PINGR_HOST=pingr.example.com", "POSTGRES_PASSWORD=secret"}
	tests := []struct {
		file     string
		services []string
		missing  string // the variable without which nothing starts
	}{
		{"compose.yaml", []string{"pingr"}, "PINGR_IMAGE"},
		{"compose.postgres.yaml", []string{"caddy", "pingr", "postgres"}, "POSTGRES_PASSWORD"},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			project, err := loadCompose(t, tt.file, env)
			require.NoError(t, err)
			assert.ElementsMatch(t, tt.services, project.ServiceNames())
			pingr := project.Services["pingr"]
			assert.Equal(t, "pingr:1.2.3", pingr.Image)
			assert.True(t, pingr.ReadOnly)
			assert.Equal(t, []string{"ALL"}, pingr.CapDrop)
			assert.Equal(t, (&release{}).imageConfig().Healthcheck.Test, []string(pingr.HealthCheck.Test))
			for volume := range project.Volumes {
				assert.Contains(t, readFile(t, deploy+tt.file), volume+": {}")
			}
			for _, port := range pingr.Ports {
				assert.Equal(t, "127.0.0.1", port.HostIP, "others reach it through a proxy")
			}
			var without []string
			for _, one := range env {
				if !strings.HasPrefix(one, tt.missing+"=") {
					without = append(without, one)
				}
			}
			_, err = loadCompose(t, tt.file, without)
			assert.ErrorContains(t, err, tt.missing)
		})
	}
}

func loadCompose(t *testing.T, file string, env []string) (*types.Project, error) {
	t.Helper()
	options, err := compose.NewProjectOptions([]string{deploy + file}, compose.WithEnv(env))
	require.NoError(t, err)
	return options.LoadProject(t.Context())
}

// The chart is linted and rendered by helm. What it renders is decoded into
// Kubernetes' own types, which know every field.
func TestChart(t *testing.T) {
	version := versionConst.FindStringSubmatch(readFile(t, "../../pingr.go"))
	require.NotNil(t, version)
	assert.Contains(t, readFile(t, deploy+"helm/pingr/Chart.yaml"), "\nappVersion: "+version[1]+"\n")
	image := []string{"--set", "image.repository=registry.example.com/pingr"}
	tests := []struct {
		name     string
		set      []string
		rendered []string
	}{
		{"SQLite", nil, []string{"PersistentVolumeClaim", "Service", "StatefulSet"}},
		{
			"PostgreSQL",
			[]string{"--set", "database.secret=pingr-database"},
			[]string{"Deployment", "PersistentVolumeClaim", "Service"},
		},
		{"everything", []string{
			"--set", "ingress.enabled=true,ingress.host=pingr.example.com,ingress.className=nginx,ingress.tlsSecret=tls",
			"--set", "metrics.enabled=true,publicURL=https://pingr.example.com,data.storageClass=fast",
			"--set", "settings.PINGR_LOG=info,nodeSelector.disk=ssd,imagePullSecrets[0].name=registry",
		}, []string{"Ingress", "PersistentVolumeClaim", "Service", "StatefulSet"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := helm(t, append(append([]string{"lint", "--strict"}, image...), tt.set...)...)
			require.NoError(t, err)
			text, err := helm(t, append(append([]string{"template", "shop"}, image...), tt.set...)...)
			require.NoError(t, err)
			var kinds []string
			for document := range strings.SplitSeq(text, "\n---\n") {
				kind := decode(t, document)
				kinds = append(kinds, kind)
			}
			assert.ElementsMatch(t, tt.rendered, kinds)
		})
	}
	for name, set := range map[string]string{
		"no image":             "image.pullPolicy=Always",
		"unknown":              "image.repository=x,unknown=1",
		"publicURL":            "image.repository=x,publicURL=pingr.example.com",
		"ingress.host":         "image.repository=x,ingress.enabled=true",
		"PINGR_log, a setting": "image.repository=x,settings.PINGR_log=1",
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			_, err := helm(t, "template", "shop", "--set", set)
			assert.Error(t, err)
		})
	}
}

// decode reads a rendered document strictly, looks at what pods may do, and
// returns its kind.
func decode(t *testing.T, document string) string {
	t.Helper()
	var about struct{ Kind string }
	require.NoError(t, yaml.Unmarshal([]byte(document), &about))
	into := map[string]any{
		"StatefulSet": &apps.StatefulSet{}, "Deployment": &apps.Deployment{}, "Service": &core.Service{},
		"PersistentVolumeClaim": &core.PersistentVolumeClaim{}, "Ingress": &networking.Ingress{},
	}[about.Kind]
	require.NotNil(t, into, about.Kind)
	require.NoError(t, yaml.UnmarshalStrict([]byte(document), into), document)
	switch workload := into.(type) {
	case *apps.StatefulSet:
		assertHardened(t, workload.Spec.Template)
		assert.EqualValues(t, 1, *workload.Spec.Replicas)
	case *apps.Deployment:
		assertHardened(t, workload.Spec.Template)
		assert.Equal(t, apps.RecreateDeploymentStrategyType, workload.Spec.Strategy.Type, "two would share the volume")
	}
	return about.Kind
}

func assertHardened(t *testing.T, pod core.PodTemplateSpec) {
	t.Helper()
	assert.True(t, *pod.Spec.SecurityContext.RunAsNonRoot)
	assert.EqualValues(t, imageUser, *pod.Spec.SecurityContext.RunAsUser)
	require.Len(t, pod.Spec.Containers, 1)
	c := pod.Spec.Containers[0]
	assert.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	assert.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	assert.Equal(t, "/readyz", c.ReadinessProbe.HTTPGet.Path)
	assert.True(t, strings.HasPrefix(c.Image, "registry.example.com/pingr:"), c.Image)
}

// helm runs on the chart; PINGR_HELM names the program.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	program := os.Getenv("PINGR_HELM")
	if program == "" {
		t.Skip("PINGR_HELM names no helm; make install-test installs it")
	}
	chart, err := filepath.Abs(deploy + "helm/pingr")
	require.NoError(t, err)
	at := 1
	if args[0] == "template" {
		at = 2
	}
	//nolint:gosec // the test's own arguments
	cmd := exec.CommandContext(t.Context(), program, append(append(append([]string{}, args[:at]...), chart), args[at:]...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Logf("helm %v: %s%s", args, stdout.String(), stderr.String())
		return "", err
	}
	return strings.TrimPrefix(stdout.String(), "---\n"), nil
}
