// Package volumes speaks CSI to a running linstor-csi, as Kubernetes' sidecars and the kubelet do, and looks at what is
// in the volumes: csi-sanity tests the protocol only.
//
// The environment says where: CSI_SOCKET, CSI_NODE, CSI_PLACE (a folder for mounts), CSI_PARAMETERS (JSON).
package volumes

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// mkfs.xfs refuses less than 300 MiB. XFS grows mounted wherever a mount is allowed.
const sizeBytes = 320 << 20

type driver struct {
	*testing.T
	ctx        context.Context
	controller csi.ControllerClient
	groups     csi.GroupControllerClient
	node       csi.NodeClient
}

func connected(t *testing.T) driver {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	t.Cleanup(cancel)
	connection, err := grpc.NewClient("unix://"+os.Getenv("CSI_SOCKET"),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return driver{t, ctx, csi.NewControllerClient(connection), csi.NewGroupControllerClient(connection),
		csi.NewNodeClient(connection)}
}

func (d driver) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func capability() *csi.VolumeCapability {
	return &csi.VolumeCapability{
		AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
		AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{FsType: "xfs"}},
	}
}

func (d driver) create(name string, size int64, source *csi.VolumeContentSource) *csi.Volume {
	d.Helper()
	parameters := map[string]string{}
	d.must(json.Unmarshal([]byte(os.Getenv("CSI_PARAMETERS")), &parameters))
	made, err := d.controller.CreateVolume(d.ctx, &csi.CreateVolumeRequest{
		Name: name, CapacityRange: &csi.CapacityRange{RequiredBytes: size}, Parameters: parameters,
		VolumeCapabilities: []*csi.VolumeCapability{capability()}, VolumeContentSource: source,
	})
	d.must(err)
	if made.Volume.CapacityBytes != size {
		d.Fatalf("%s has %d bytes, wanted %d", name, made.Volume.CapacityBytes, size)
	}
	return made.Volume
}

// published mounts a volume the way a pod gets it, and returns the mount point.
func (d driver) published(volume *csi.Volume) string {
	d.Helper()
	attached, err := d.controller.ControllerPublishVolume(d.ctx, &csi.ControllerPublishVolumeRequest{
		VolumeId: volume.VolumeId, NodeId: os.Getenv("CSI_NODE"), VolumeCapability: capability(),
		VolumeContext: volume.VolumeContext,
	})
	d.must(err)
	target := filepath.Join(os.Getenv("CSI_PLACE"), volume.VolumeId)
	_, err = d.node.NodePublishVolume(d.ctx, &csi.NodePublishVolumeRequest{
		VolumeId: volume.VolumeId, TargetPath: target, VolumeCapability: capability(),
		PublishContext: attached.PublishContext, VolumeContext: volume.VolumeContext,
	})
	d.must(err)
	return target
}

func (d driver) unpublished(volume *csi.Volume) {
	d.Helper()
	_, err := d.node.NodeUnpublishVolume(d.ctx, &csi.NodeUnpublishVolumeRequest{
		VolumeId: volume.VolumeId, TargetPath: filepath.Join(os.Getenv("CSI_PLACE"), volume.VolumeId),
	})
	d.must(err)
	_, err = d.controller.ControllerUnpublishVolume(d.ctx, &csi.ControllerUnpublishVolumeRequest{
		VolumeId: volume.VolumeId, NodeId: os.Getenv("CSI_NODE"),
	})
	d.must(err)
}

func (d driver) deleted(volume *csi.Volume) {
	d.Helper()
	_, err := d.controller.DeleteVolume(d.ctx, &csi.DeleteVolumeRequest{VolumeId: volume.VolumeId})
	d.must(err)
}

func (d driver) write(mountpoint, text string) {
	d.Helper()
	file, err := os.Create(filepath.Join(mountpoint, "letter"))
	d.must(err)
	defer file.Close()
	_, err = file.WriteString(text)
	d.must(err)
	d.must(file.Sync())
}

func (d driver) holds(mountpoint, text string) {
	d.Helper()
	seen, err := os.ReadFile(filepath.Join(mountpoint, "letter"))
	d.must(err)
	if string(seen) != text {
		d.Fatalf("%s holds %q, wanted %q", mountpoint, seen, text)
	}
}

func (d driver) totalBytes(mountpoint string) int64 {
	d.Helper()
	var found syscall.Statfs_t
	d.must(syscall.Statfs(mountpoint, &found))
	return int64(found.Blocks) * found.Bsize
}

func fromSnapshot(id string) *csi.VolumeContentSource {
	return &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Snapshot{
		Snapshot: &csi.VolumeContentSource_SnapshotSource{SnapshotId: id}}}
}

func TestSnapshotsAndClonesOfAVolumeInUse(t *testing.T) {
	d := connected(t)
	source := d.create("pvc-source", sizeBytes, nil)
	mounted := d.published(source)
	d.write(mounted, "before")
	snapshot, err := d.controller.CreateSnapshot(d.ctx, &csi.CreateSnapshotRequest{
		Name: "snapshot-one", SourceVolumeId: source.VolumeId,
	})
	d.must(err)
	if !snapshot.Snapshot.ReadyToUse || snapshot.Snapshot.SizeBytes != sizeBytes {
		t.Fatalf("snapshot %+v", snapshot.Snapshot)
	}
	d.write(mounted, "after")

	restored := d.create("pvc-restored", sizeBytes, fromSnapshot(snapshot.Snapshot.SnapshotId))
	d.holds(d.published(restored), "before")
	larger := d.create("pvc-larger", 2*sizeBytes, fromSnapshot(snapshot.Snapshot.SnapshotId))
	d.holds(d.published(larger), "before")
	cloned := d.create("pvc-cloned", sizeBytes, &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Volume{
		Volume: &csi.VolumeContentSource_VolumeSource{VolumeId: source.VolumeId}}})
	d.holds(d.published(cloned), "after")
	d.holds(mounted, "after")

	// A snapshot outlives its volume.
	d.unpublished(source)
	d.deleted(source)
	late := d.create("pvc-late", sizeBytes, fromSnapshot(snapshot.Snapshot.SnapshotId))
	d.holds(d.published(late), "before")
	_, err = d.controller.DeleteSnapshot(d.ctx, &csi.DeleteSnapshotRequest{SnapshotId: snapshot.Snapshot.SnapshotId})
	d.must(err)
	for _, volume := range []*csi.Volume{restored, larger, cloned, late} {
		d.unpublished(volume)
		d.deleted(volume)
	}
}

func TestAMountedVolumeGrows(t *testing.T) {
	d := connected(t)
	volume := d.create("pvc-grows", sizeBytes, nil)
	mounted := d.published(volume)
	d.write(mounted, "kept")
	before := d.totalBytes(mounted)
	answer, err := d.controller.ControllerExpandVolume(d.ctx, &csi.ControllerExpandVolumeRequest{
		VolumeId: volume.VolumeId, CapacityRange: &csi.CapacityRange{RequiredBytes: 2 * sizeBytes},
		VolumeCapability: capability(),
	})
	d.must(err)
	if answer.CapacityBytes != 2*sizeBytes || !answer.NodeExpansionRequired {
		t.Fatalf("expansion %+v", answer)
	}
	_, err = d.node.NodeExpandVolume(d.ctx, &csi.NodeExpandVolumeRequest{
		VolumeId: volume.VolumeId, VolumePath: mounted, VolumeCapability: capability(),
		CapacityRange: &csi.CapacityRange{RequiredBytes: 2 * sizeBytes},
	})
	d.must(err)
	if after := d.totalBytes(mounted); after < before+sizeBytes/2 {
		t.Fatalf("the file system has %d bytes, before %d", after, before)
	}
	d.holds(mounted, "kept")
	d.unpublished(volume)
	d.deleted(volume)
}

func TestASnapshotOfAGroup(t *testing.T) {
	d := connected(t)
	volumes := []*csi.Volume{d.create("pvc-data", sizeBytes, nil), d.create("pvc-journal", sizeBytes, nil)}
	for _, volume := range volumes {
		d.write(d.published(volume), volume.VolumeId)
	}
	group, err := d.groups.CreateVolumeGroupSnapshot(d.ctx, &csi.CreateVolumeGroupSnapshotRequest{
		Name: "group-one", SourceVolumeIds: []string{volumes[0].VolumeId, volumes[1].VolumeId},
	})
	d.must(err)
	var members []string
	for _, member := range group.GroupSnapshot.Snapshots {
		members = append(members, member.SnapshotId)
		restored := d.create("pvc-of-"+member.SourceVolumeId, sizeBytes, fromSnapshot(member.SnapshotId))
		d.holds(d.published(restored), member.SourceVolumeId)
		volumes = append(volumes, restored)
	}
	if len(members) != 2 {
		t.Fatalf("group %+v", group.GroupSnapshot)
	}
	_, err = d.groups.DeleteVolumeGroupSnapshot(d.ctx, &csi.DeleteVolumeGroupSnapshotRequest{
		GroupSnapshotId: group.GroupSnapshot.GroupSnapshotId, SnapshotIds: members,
	})
	d.must(err)
	for _, volume := range volumes {
		d.unpublished(volume)
		d.deleted(volume)
	}
}
