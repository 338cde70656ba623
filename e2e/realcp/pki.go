package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// validity of what is made here: longer than any control plane of ours lives.
const validity = 10 * 365 * 24 * time.Hour

// pair is a certificate and its key.
type pair struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// makePKI writes the authorities, certificates, keys and tokens of one API server into folder/pki, its administrator's
// token into folder/admin.token and the kubeconfig into folder/kubeconfig.
func makePKI(folder, name string, port int) error {
	pki := filepath.Join(folder, "pki")
	if err := os.MkdirAll(pki, 0o700); err != nil {
		return err
	}
	ca, err := authority(pki, "ca")
	if err != nil {
		return err
	}
	frontProxy, err := authority(pki, "front-proxy-ca")
	if err != nil {
		return err
	}
	for _, leaf := range []struct {
		by                       pair
		file, user, organisation string
	}{
		{ca, "apiserver", "kube-apiserver", ""},
		{ca, "admin", "admin", "system:masters"},
		{frontProxy, "front-proxy-client", "front-proxy-client", ""},
	} {
		if err := issue(pki, leaf.by, leaf.file, leaf.user, leaf.organisation); err != nil {
			return err
		}
	}
	if err := serviceAccountKeys(pki); err != nil {
		return err
	}
	bytes := make([]byte, 16)
	if _, err := rand.Read(bytes); err != nil {
		return err
	}
	token := hex.EncodeToString(bytes)
	if err := private(filepath.Join(folder, "admin.token"), []byte(token)); err != nil {
		return err
	}
	if err := private(filepath.Join(pki, "tokens.csv"), []byte(token+",admin,admin,system:masters\n")); err != nil {
		return err
	}
	return writeKubeconfig(filepath.Join(folder, "kubeconfig"), []string{name}, []string{folder}, []int{port})
}

// authority makes a certificate authority of its own.
func authority(pki, name string) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	template := template(name, "")
	template.IsCA = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return pair{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return pair{}, err
	}
	return pair{certificate, key}, write(pki, name, der, key)
}

// issue makes a certificate that serves on this machine and identifies a client.
func issue(pki string, by pair, file, user, organisation string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := template(user, organisation)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	template.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, key.Public(), by.key)
	if err != nil {
		return err
	}
	return write(pki, file, der, key)
}

func template(user, organisation string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 62))
	subject := pkix.Name{CommonName: user}
	if organisation != "" {
		subject.Organization = []string{organisation}
	}
	// An hour ago: clocks differ.
	return &x509.Certificate{
		SerialNumber: serial, Subject: subject, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(validity),
	}
}

// serviceAccountKeys makes the keys that sign and prove the tokens of service accounts.
func serviceAccountKeys(pki string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if err := writeKey(filepath.Join(pki, "sa.key"), key); err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return private(filepath.Join(pki, "sa.pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
}

func write(pki, name string, der []byte, key *ecdsa.PrivateKey) error {
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := private(filepath.Join(pki, name+".crt"), certificate); err != nil {
		return err
	}
	return writeKey(filepath.Join(pki, name+".key"), key)
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return private(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

// private writes what only its owner may read.
func private(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// writeKubeconfig writes one context for each cluster; the first is the current one.
func writeKubeconfig(path string, names, folders []string, ports []int) error {
	config := clientcmdapi.NewConfig()
	config.CurrentContext = names[0]
	for i, name := range names {
		read := func(file string) ([]byte, error) { return os.ReadFile(filepath.Join(folders[i], "pki", file)) }
		ca, err := read("ca.crt")
		if err != nil {
			return err
		}
		certificate, err := read("admin.crt")
		if err != nil {
			return err
		}
		key, err := read("admin.key")
		if err != nil {
			return err
		}
		config.Clusters[name] = &clientcmdapi.Cluster{
			Server: fmt.Sprintf("https://127.0.0.1:%d", ports[i]), CertificateAuthorityData: ca,
		}
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: certificate, ClientKeyData: key}
		config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	}
	return clientcmd.WriteToFile(*config, path)
}
