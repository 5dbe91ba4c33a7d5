// consumer MODEL: a line for each finding, with the installed library and nothing else.
#include <shardwright/check_job.h>

#include <iostream>

int main(int, char** arguments) {
  const auto models = shardwright::check({arguments[1]}, {});
  if (!models) {
    std::cerr << models.error().message << "\n";
    return 2;
  }
  for (const shardwright::ModelReport& model : *models) {
    std::cout << model.path << ": " << model.facts.tensors << " tensors\n";
    for (const shardwright::Finding& finding : model.findings) {
      std::cout << shardwright::severity_name(finding.severity) << " " << finding.code << " "
                << finding.name;
      if (!finding.tensor.empty()) std::cout << " " << finding.tensor;
      std::cout << "\n";
    }
  }
  return 0;
}
