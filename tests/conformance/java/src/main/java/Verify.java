import eu.europa.esig.dss.diagnostic.DiagnosticData;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.ExternalResourcesCRLSource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import eu.europa.esig.dss.validation.reports.Reports;
import java.io.File;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.PDFAValidator;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/**
 * EU DSS's signature validation and veraPDF's PDF/A-3u validation over PDFs, one line of tab-separated fields a file:
 *
 * <pre>
 * dss      FILE  SIGNATURES  INDICATION  SUBINDICATION  FORMAT  SCOPE
 * verapdf  FILE  COMPLIANT   failed rules …
 * </pre>
 *
 * Usage: Verify ROOT.pem,… LIST.crl,…|- FILE …
 */
public final class Verify {
  public static void main(String[] arguments) {
    VeraGreenfieldFoundryProvider.initialise();
    for (int place = 2; place < arguments.length; place++) {
      File file = new File(arguments[place]);
      System.out.println(String.join("\t", dss(file, arguments[0], arguments[1])));
      System.out.println(String.join("\t", verapdf(file)));
    }
  }

  private static List<String> dss(File file, String roots, String lists) {
    List<String> row = new ArrayList<>(List.of("dss", file.getPath()));
    try {
      CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
      for (String path : roots.split(",")) {
        trusted.addCertificate(DSSUtils.loadCertificate(new File(path)));
      }
      CommonCertificateVerifier verifier = new CommonCertificateVerifier();
      verifier.setTrustedCertSources(trusted);
      if (!lists.equals("-")) {
        verifier.setCrlSource(
            new ExternalResourcesCRLSource(
                Arrays.stream(lists.split(",")).map(path -> new FileDocument(new File(path))).toArray(DSSDocument[]::new)));
      }
      SignedDocumentValidator validator = SignedDocumentValidator.fromDocument(new FileDocument(file));
      validator.setCertificateVerifier(verifier);
      Reports reports = validator.validateDocument();
      SimpleReport report = reports.getSimpleReport();
      DiagnosticData diagnostics = reports.getDiagnosticData();
      row.add(String.valueOf(report.getSignatureIdList().size()));
      for (String id : report.getSignatureIdList()) {
        row.add(String.valueOf(report.getIndication(id)));
        row.add(String.valueOf(report.getSubIndication(id)));
        row.add(String.valueOf(report.getSignatureFormat(id)));
        row.add(
            diagnostics.getSignatureById(id).getSignatureScopes().stream()
                .map(scope -> String.valueOf(scope.getScope()))
                .reduce("", (left, right) -> left.isEmpty() ? right : left + "+" + right));
      }
    } catch (Exception | StackOverflowError problem) {
      row.add("0");
      row.add("ERROR");
      row.add(String.valueOf(problem.getMessage()).replaceAll("\\s+", " "));
    }
    return row;
  }

  private static List<String> verapdf(File file) {
    List<String> row = new ArrayList<>(List.of("verapdf", file.getPath()));
    PDFAFlavour flavour = PDFAFlavour.PDFA_3_U;
    try (PDFAParser parser = Foundries.defaultInstance().createParser(file, flavour);
        PDFAValidator validator = Foundries.defaultInstance().createValidator(flavour, 10, false, false, false)) {
      ValidationResult result = validator.validate(parser);
      row.add(String.valueOf(result.isCompliant()));
      for (TestAssertion assertion : result.getTestAssertions()) {
        if (assertion.getStatus() == TestAssertion.Status.FAILED) {
          row.add(assertion.getRuleId().getClause() + "-" + assertion.getRuleId().getTestNumber() + " " + assertion.getMessage().replaceAll("\\s+", " "));
        }
      }
    } catch (Exception problem) {
      row.add("false");
      row.add(String.valueOf(problem.getMessage()).replaceAll("\\s+", " "));
    }
    return row;
  }
}
