package scenario

import (
	"testing"

	linstor "github.com/LINBIT/golinstor"
	"github.com/LINBIT/golinstor/client"
)

// linstor-gateway keeps its configuration for drbd-reactor this way.
func TestExternalFiles(t *testing.T) {
	ctx, api := connected(t)
	const path = "/etc/drbd-reactor.d/linstor-gateway-iscsi-one.toml"
	text := []byte("[[promoter]]\nid = \"one\"\n\x00\xff")
	must(t, api.Controller.ModifyExternalFile(ctx, path, client.ExternalFile{Path: path, Content: text}))
	file, err := api.Controller.GetExternalFile(ctx, path)
	must(t, err)
	equal(t, "path", file.Path, path)
	equal(t, "content", string(file.Content), string(text))
	must(t, api.Controller.ModifyExternalFile(ctx, path, client.ExternalFile{Path: path, Content: text[:4]}))
	files, err := api.Controller.GetExternalFiles(ctx, &client.ListOpts{Content: true})
	must(t, err)
	equal(t, "files", len(files), 1)
	equal(t, "new content", string(files[0].Content), "[[pr")
	files, err = api.Controller.GetExternalFiles(ctx)
	must(t, err)
	equal(t, "content that was not asked for", len(files[0].Content), 0)

	defined(t, ctx, api, "one", 8*mibKib)
	must(t, api.ResourceDefinitions.AttachExternalFile(ctx, "one", path))
	missing(t, api.ResourceDefinitions.AttachExternalFile(ctx, "one", "/etc/drbd-reactor.d/another.toml"))
	definition, err := api.ResourceDefinitions.Get(ctx, "one")
	must(t, err)
	equal(t, "attached", definition.Props["files"+path], "True")
	must(t, api.ResourceDefinitions.DetachExternalFile(ctx, "one", path))
	must(t, api.ResourceDefinitions.Delete(ctx, "one"))
	must(t, api.Controller.DeleteExternalFile(ctx, path))
	_, err = api.Controller.GetExternalFile(ctx, path)
	missing(t, err)
}

func TestRemotesWithSecrets(t *testing.T) {
	ctx, api := connected(t)
	bucket := client.S3Remote{
		RemoteName: "bucket", Endpoint: "http://127.0.0.1:1", Bucket: "backups", Region: "here", AccessKey: "key",
		SecretKey: "secret", UsePathStyle: true,
	}
	if api.Remote.CreateS3(ctx, bucket) == nil {
		t.Fatal("a secret was kept without a master passphrase")
	}
	must(t, api.Encryption.Create(ctx, client.Passphrase{NewPassphrase: "first"}))
	must(t, api.Remote.CreateS3(ctx, bucket))
	refused(t, api.Remote.CreateS3(ctx, bucket), linstor.FailExistsRemote)
	must(t, api.Remote.ModifyS3(ctx, "bucket", client.S3Remote{Bucket: "other"}))
	seen, err := api.Remote.GetAllS3(ctx)
	must(t, err)
	equal(t, "bucket", seen[0].Bucket, "other")
	equal(t, "region", seen[0].Region, "here")
	equal(t, "secret", seen[0].SecretKey, "")
	must(t, api.Remote.Delete(ctx, "bucket"))
}
