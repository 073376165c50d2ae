/* Loaded before baresip: its DTLS shows the certificate of a file in place of one of RSA that it would make itself. */

#include <stdio.h>
#include <stdlib.h>

struct tls;

/* Of libre. */
int tls_set_certificate_pem(struct tls *tls, const char *certificate, size_t certificate_length, const char *key,
			    size_t key_length);

int tls_set_selfsigned_rsa(struct tls *tls, const char *name, size_t bits)
{
	static char pem[16384];
	const char *path = getenv("PHONE_CERTIFICATE");
	FILE *file = path ? fopen(path, "r") : NULL;
	size_t length;

	(void)name;
	(void)bits;
	if (!file)
		return 1;
	length = fread(pem, 1, sizeof(pem), file);
	fclose(file);
	return tls_set_certificate_pem(tls, pem, length, pem, length);
}
